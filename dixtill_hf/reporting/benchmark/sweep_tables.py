# SPDX-License-Identifier: Apache-2.0
"""The tables of what was varied step by step: the temperature, and how many heads are pruned."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dixtill_hf.evaluation.significance import interval
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.formatting import Column
from dixtill_hf.reporting.measurements import (
    QUALITY_METRICS,
    Estimate,
    display_name,
    number,
    reading_order,
)


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


RANKING_NAMES = {
    "masking": "drop when masked",
    "gradient": "gradient",
    "gradient-iterative": "gradient, step by step",
}
SCOPE_NAMES = {"per_layer": "in every layer", "global": "over all layers"}
# Ranking and scope.
Way = tuple[str, str]


def temperature_groups(metrics: Mapping[str, Any]) -> list[SeedGroup]:
    """Models by temperature, rising within each method and preset."""
    rows = sorted(metrics.get("temperatures") or [], key=lambda row: row["temperature"])
    return seed_groups(rows, "method", "temperature")


def temperature_table(metrics: Mapping[str, Any]) -> str:
    """Quality of each method at each temperature as mean ± sd; "" where it was not varied."""
    groups = temperature_groups(metrics)
    if not groups:
        return ""
    measures = QUALITY_METRICS | {"teacher_agreement": "agrees with teacher"}
    return fmt.table(
        [
            Column("model", [fmt.text(group.name) for group in groups], numeric=False),
            Column("temperature", [f"{group.setting:g}" for group in groups]),
            Column("seeds", [fmt.count(len(group.rows)) for group in groups]),
            *(
                fmt.estimates_column(title, [group.estimate(key) for group in groups])
                for key, title in measures.items()
            ),
        ]
    )


def pruning_ways(metrics: Mapping[str, Any]) -> dict[Way, list[Mapping[str, Any]]]:
    """Ranking and scope → its rows, by how many heads were removed."""
    ways: dict[Way, list[Mapping[str, Any]]] = {}
    for row in sorted(metrics.get("pruning") or [], key=lambda row: row["removed"]):
        ways.setdefault((row["ranking"], row["scope"]), []).append(row)
    return ways


def way_name(way: Way) -> str:
    """What readers see of a way to choose heads: "gradient, over all layers"."""
    ranking, scope = way
    return f"{RANKING_NAMES.get(ranking, ranking)}, {SCOPE_NAMES.get(scope, scope)}"


def pruning_table(metrics: Mapping[str, Any]) -> str:
    """Macro F1 by heads removed, a column for each way to choose them; "" if none were."""
    ways = pruning_ways(metrics)
    if not ways:
        return ""
    steps = {row["removed"]: row for rows in ways.values() for row in rows}
    shown = [steps[removed] for removed in sorted(steps)]
    columns = [
        Column("heads removed", [f"{row['removed']} of {row['heads']}" for row in shown]),
        Column("in a layer", [f"{row['removed_per_layer']:.3g}" for row in shown]),
        fmt.column("parameters", [number(row.get("parameters")) for row in shown], fmt.count),
        fmt.column("size", [number(row.get("bytes")) for row in shown], fmt.size),
    ]
    columns += [
        _macro_f1(way_name(way), rows, [row["removed"] for row in shown])
        for way, rows in ways.items()
    ]
    return fmt.table(columns)


def _macro_f1(title: str, rows: Sequence[Mapping[str, Any]], steps: Sequence[int]) -> Column:
    found = {row["removed"]: number(row["macro_f1"]) for row in rows}
    return fmt.column(f"macro F1: {title}", [found.get(step) for step in steps], fmt.score, max)
