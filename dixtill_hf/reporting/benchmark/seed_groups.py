# SPDX-License-Identifier: Apache-2.0
"""Rows of a benchmark that differ by their seed alone, gathered into means and intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dixtill_hf.evaluation.significance import interval
from dixtill_hf.reporting.measurements import Estimate, display_name, number, reading_order


@dataclass(frozen=True)
class SeedGroup:
    """The same thing measured with one seed or several.

    Attributes:
        method: Key of the method, as in metrics.json.
        preset: Name of the preset, None where the method has none.
        setting: What else tells groups apart: a temperature, or a kind of explanation.
        name: What readers see of method and preset.
        rows: The rows of metrics.json, one per seed.
    """

    method: str
    preset: str | None
    setting: Any
    name: str
    rows: tuple[Mapping[str, Any], ...]

    def estimate(self, metric: str) -> Estimate | None:
        """The metric over the seeds that have it, None where none has."""
        found = (number(row.get(metric)) for row in self.rows)
        values = [value for value in found if value is not None]
        return Estimate(**asdict(interval(values))) if values else None


def seed_groups(rows: Sequence[Mapping[str, Any]], model: str, setting: str) -> list[SeedGroup]:
    """Groups of rows in the order in which reports show models.

    Args:
        rows: Rows of a list in metrics.json.
        model: Field that holds the key of the method.
        setting: Field that tells groups of one method and preset apart.
    """
    groups: dict[tuple[str, str | None, Any], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row[model], row.get("preset"), row[setting]), []).append(row)
    presets = list(dict.fromkeys(preset for _, preset, _ in groups if preset is not None))
    several = len(presets) > 1
    keys = sorted(groups, key=lambda key: reading_order(key[0], key[1], presets))
    return [
        SeedGroup(*key, display_name(key[0], key[1], several), tuple(groups[key])) for key in keys
    ]
