# SPDX-License-Identifier: Apache-2.0
"""The tables of quality that set compressed teachers beside students, and F1 label by label."""

from collections.abc import Mapping, Sequence
from typing import Any

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting import tables
from dixtill_hf.reporting.benchmark import published
from dixtill_hf.reporting.benchmark.compared_models import TEACHER, ComparedModel, baseline_name
from dixtill_hf.reporting.formatting import Column
from dixtill_hf.reporting.measurements import QUALITY_METRICS, Estimate


def compressed_table(metrics: Mapping[str, Any], models: Sequence[ComparedModel]) -> str:
    """Quality, what of it was lost, and calibration; "" where nothing was compressed."""
    if not metrics.get("baselines"):
        return ""
    judged = [model for model in models if model.estimates]
    teacher = judged[0].estimates if judged[0].family == TEACHER else {}
    columns = [_names(judged)]
    columns += [_measure(title, key, judged) for key, title in QUALITY_METRICS.items()]
    columns += [
        _drop(f"drop of {title}", key, judged, teacher.get(key))
        for key, title in QUALITY_METRICS.items()
    ]
    columns.append(_measure("calibration error", "calibration_error", judged, min))
    columns.append(_measure("agrees with teacher", "teacher_agreement", judged))
    return fmt.table([*columns, *published.compressed_columns(metrics, judged)])


def compression_settings(metrics: Mapping[str, Any]) -> str:
    """How each compressed teacher was made; "" where that was not written."""
    rows = metrics.get("baselines") or []
    return tables.settings_table(
        {baseline_name(row): _shown(row.get("settings") or {}) for row in rows}
    )


def _shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Without paths, which mean nothing elsewhere, and what is told in other tables."""
    return {name: value for name, value in settings.items() if name not in ("teacher", "format")}


def per_class_table(metrics: Mapping[str, Any], models: Sequence[ComparedModel]) -> str:
    """F1 of each label; "" where it was not measured."""
    keys = {label: f"f1_per_class.{label}" for label in metrics["dataset"]["labels"]}
    judged = [model for model in models if any(key in model.estimates for key in keys.values())]
    if not judged:
        return ""
    columns = [_measure(fmt.text(label), key, judged) for label, key in keys.items()]
    return fmt.table([_names(judged), *columns])


def _names(models: Sequence[ComparedModel]) -> Column:
    return Column("model", [fmt.text(model.name) for model in models], numeric=False)


def _measure(title: str, key: str, models: Sequence[ComparedModel], best: Any = max) -> Column:
    """A measure of each model; the teacher does not compete."""
    found = [model.estimates.get(key) for model in models]
    means = [
        None if value is None or model.family == TEACHER else value.mean
        for model, value in zip(models, found, strict=True)
    ]
    return Column(title, [fmt.short_estimate(value) for value in found], means, best)


def _drop(
    title: str, key: str, models: Sequence[ComparedModel], teacher: Estimate | None
) -> Column:
    """1 − measure / the teacher's measure, as a share: negative where the model is better."""
    drops: list[float | None] = []
    for model in models:
        found = model.estimates.get(key)
        if found is None or teacher is None or not teacher.mean or model.family == TEACHER:
            drops.append(None)
        else:
            drops.append(1 - found.mean / teacher.mean)
    return fmt.column(title, drops, fmt.percent, min)
