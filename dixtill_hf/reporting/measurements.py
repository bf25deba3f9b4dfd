# SPDX-License-Identifier: Apache-2.0
"""What metrics.json holds, checked and grouped: one series per method and preset.

Intervals are those that the run wrote; none is computed here.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from dixtill_hf.data.problem_types import SINGLE_LABEL
from dixtill_hf.evaluation.quality import QUALITY, Quality
from dixtill_hf.evaluation.significance import interval

METRICS_FORMAT = 2
_REQUIRED = ("dataset", "teacher", "results")

# The quality metrics of texts with one label each, in the order of the tables and figures.
QUALITY_METRICS = QUALITY[SINGLE_LABEL].names
# What readers see of all metrics, of any kind of task.
METRIC_NAMES = {key: title for one in QUALITY.values() for key, title in one.names.items()}
METHOD_NAMES = {
    "bag_of_words": "bag of words",
    "none": "no distillation",
    "kl": "KL",
    "mse": "MSE",
    "dixtill": "DiXtill",
}
_METHOD_ORDER = tuple(METHOD_NAMES)
EXPLANATION_NAMES = {
    "contributions": "contributions (exact)",
    "attention": "attention scores σ",
    "integrated_gradients": "Integrated Gradients",
    "coefficients": "coefficients",
    "shuffled": "its own, weights shuffled (control)",
    "random": "random scores (control)",
}
# In the order in which a run goes through them.
STAGE_NAMES = {
    "load": "load the data",
    "finetune": "fine-tune the teacher",
    "annotate": "annotate",
    "variants": "label the variants",
    "distil": "train the students",
    "evaluate": "evaluate",
    "device": "round the best student to integers",
}


@dataclass(frozen=True)
class Estimate:
    """A metric of a series: its mean over seeds and, with two seeds or more, how far it varies.

    Attributes:
        mean: Mean over the seeds.
        sd: Standard deviation over the seeds, None for one seed.
        low: Lower end of the interval of the mean, None for one seed.
        high: Upper end of that interval, None for one seed.
    """

    mean: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the interval, or None if there is none."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Series:
    """All models of one method and preset, one per seed.

    Attributes:
        method: Key of the method, as in metrics.json.
        preset: Name of the preset, None if the method has none.
        name: What readers see; tells the preset if the run compares several.
        results: Rows of `results` in metrics.json that belong to it.
        summary: Metric → mean, sd, low, high, from `summary` in metrics.json; may be empty.
        main: The metric that readers compare models by.
    """

    method: str
    preset: str | None
    name: str
    results: tuple[Mapping[str, Any], ...]
    summary: Mapping[str, Mapping[str, Any]]
    main: str = "macro_f1"

    def estimate(self, metric: str) -> Estimate | None:
        """The metric over all seeds, None if it was not measured.

        Args:
            metric: Name as in `summary`: "macro_f1", "explanation.cosine".
        """
        row = self.summary.get(metric)
        if row is None:
            values = self.values(metric)
            return Estimate(values[0]) if len(self.results) == 1 and values else None
        mean = number(row.get("mean"))
        if mean is None:
            return None
        return Estimate(mean, *(number(row.get(key)) for key in ("sd", "low", "high")))

    def values(self, metric: str) -> list[float]:
        """The metric of every seed that has it, in the order of the results."""
        found = (number(_look_up(row, metric)) for row in self.results)
        return [value for value in found if value is not None]

    def mean(self, metric: str) -> float | None:
        """Mean of `values`, for what the summary does not hold; None if there are none."""
        values = self.values(metric)
        return fmean(values) if values else None

    @property
    def explanation_kinds(self) -> list[str]:
        """Kinds of explanation that it was judged by; several only if the seeds differ."""
        return list(dict.fromkeys(row["kind"] for row in self._explanations()))

    @property
    def depths(self) -> list[int]:
        """The numbers of words k at which its explanations were compared, increasing."""
        names = (name for row in self._explanations() for name in row)
        return sorted({int(name.split("@")[1]) for name in names if "@" in name})

    def _explanations(self) -> list[Mapping[str, Any]]:
        return [row["explanation"] for row in self.results if row.get("explanation")]


def number(value: float | None) -> float | None:
    """The value as a float; None for None and NaN, which both mean that it is not defined."""
    return None if value is None or math.isnan(value) else float(value)


def read_metrics(path: str | Path) -> dict[str, Any]:
    """Read metrics.json and check that a report can be drawn from it.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A newer release wrote it, or it holds no results.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: a report is drawn from the metrics.json that a finished run "
            "leaves in its output directory"
        )
    metrics = json.loads(path.read_text(encoding="utf-8"))
    if metrics.get("format") not in range(1, METRICS_FORMAT + 1):
        raise ValueError(
            f"{path} has format {metrics.get('format')!r}; this release of dixtill_hf reads the "
            f"formats 1 to {METRICS_FORMAT}: install the release that wrote it, or run the recipe "
            "again."
        )
    if metrics["format"] == 1:
        _update_from_1(metrics)
    missing = [key for key in _REQUIRED if not metrics.get(key)]
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(missing)}: the run that wrote it is not finished"
        )
    return metrics


def _update_from_1(metrics: dict[str, Any]) -> None:
    """Format 1 called the baselines "compressed", and their runtime "backend"."""
    metrics["format"] = METRICS_FORMAT
    if "compressed" in metrics:
        rows = metrics.pop("compressed")
        metrics["baselines"] = [
            {"runtime" if key == "backend" else key: value for key, value in row.items()}
            for row in rows
        ]


def series_of(metrics: Mapping[str, Any]) -> list[Series]:
    """The results grouped by method and preset: bag of words first, then preset by preset.

    Raises:
        ValueError: A method with several results has no row in `summary`.
    """
    groups: dict[tuple[str, str | None], list[Mapping[str, Any]]] = {}
    for row in metrics["results"]:
        groups.setdefault((row["method"], row.get("preset")), []).append(row)
    presets = list(dict.fromkeys(preset for _, preset in groups if preset is not None))
    summaries = {
        (row["method"], row.get("preset")): row["metrics"] for row in metrics.get("summary") or []
    }
    found = []
    for key in sorted(groups, key=lambda key: reading_order(key[0], key[1], presets)):
        if key not in summaries and len(groups[key]) > 1:
            raise ValueError(
                f"metrics.json has {len(groups[key])} results of method {key[0]!r}, preset "
                f"{key[1]!r}, and no row of `summary` for them"
            )
        name = display_name(*key, several=len(presets) > 1)
        main = main_metric(metrics)
        found.append(Series(*key, name, tuple(groups[key]), summaries.get(key, {}), main))
    return found


def quality_of(metrics: Mapping[str, Any]) -> Quality:
    """The metrics of the kind of task of a run."""
    return QUALITY[problem_type_of(metrics)]


def problem_type_of(metrics: Mapping[str, Any]) -> str:
    """Name of the kind of task of a run; one label a text if it was not written."""
    return metrics["dataset"].get("problem_type", SINGLE_LABEL)


def main_metric(metrics: Mapping[str, Any]) -> str:
    """The metric that readers compare models by: macro F1 of all labels, or the correlation."""
    names = quality_of(metrics).names
    return "macro_f1" if "macro_f1" in names else quality_of(metrics).main


@dataclass(frozen=True)
class SeedGroup:
    """The same thing measured with one seed or several.

    Attributes:
        method: Key of the method, as in metrics.json.
        preset: Name of the preset, None if the method has none.
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
        """The metric over the seeds that have it, None if none has."""
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


def headline(series: Sequence[Series]) -> Series:
    """The series that the report is about.

    DiXtill if there is one; of several presets the one with the best main metric on validation,
    so that the test split chooses nothing. Else the last series.
    """
    candidates = [one for one in series if one.method == "dixtill"] or list(series[-1:])
    return max(candidates, key=lambda one: one.mean(f"validation.{one.main}") or 0.0)


def compression(metrics: Mapping[str, Any], num_bytes: float | None) -> float | None:
    """Size of the teacher over that of a model, None if one of them is not known."""
    teacher = number(metrics["teacher"].get("bytes"))
    return None if teacher is None or not num_bytes else teacher / num_bytes


def stages_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Name of each stage → its wall seconds, in the order in which a run goes through them."""
    stages = metrics.get("stages") or {}
    order = [*STAGE_NAMES, *(stage for stage in stages if stage not in STAGE_NAMES)]
    return {
        STAGE_NAMES.get(stage, stage): stages[stage]
        for stage in order
        if stages.get(stage) is not None
    }


def display_name(method: str, preset: str | None, several: bool) -> str:
    """What readers see; `several`: whether there are several presets to tell apart."""
    name = METHOD_NAMES.get(method, method)
    return f"{name} ({preset})" if several and preset is not None else name


def reading_order(method: str, preset: str | None, presets: Sequence[str]) -> tuple[int, int]:
    """Sorts models: those without a preset first, then preset by preset, method by method."""
    known = method in _METHOD_ORDER
    return (
        -1 if preset is None else presets.index(preset),
        _METHOD_ORDER.index(method) if known else len(_METHOD_ORDER),
    )


def _look_up(row: Mapping[str, Any], metric: str) -> Any:
    """Value of "accuracy", or of "explanation.cosine" one level down."""
    value: Any = row
    for key in metric.split(".", 1):
        value = value.get(key) if value else None
    return value
