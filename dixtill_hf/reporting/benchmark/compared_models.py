# SPDX-License-Identifier: Apache-2.0
"""The models that a report compares in size, time and quality, from all parts of metrics.json.

The teacher, models of which only size and time are known, compressed teachers, and students.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.formatting import Column
from dixtill_hf.reporting.measurements import QUALITY_METRICS, Estimate, Series, number

TEACHER = "teacher"
_USUAL = "onnxruntime"
_RUNTIMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
_MEASURES = (*QUALITY_METRICS, "teacher_agreement", "calibration_error")


@dataclass(frozen=True)
class ComparedModel:
    """One of the models that a report compares.

    Attributes:
        name: What readers see.
        key: How published figures name it: "teacher", the name of a way to compress, a method.
        family: "teacher", "reference" (only size and time are known), "baseline" or "student".
        parameters: How many it has, None if that is not known.
        num_bytes: Its size on disk, None if that is not known.
        estimates: Measures of its quality that are known; of students over the seeds. F1 by label
            has names such as "f1_per_class.neutral".
        timed_as: Name of the model in the rows of times.
        runtime: Runtime of these times, None for all.
        method: Method of a student, else its family.
        preset: Preset of a student, else None.
    """

    name: str
    key: str
    family: str
    parameters: float | None
    num_bytes: float | None
    estimates: Mapping[str, Estimate]
    timed_as: str
    runtime: str | None
    method: str
    preset: str | None

    @property
    def is_smaller(self) -> bool:
        """Whether it is another model than the teacher, and not the teacher in a runtime."""
        return self.timed_as != TEACHER


def compared_models(metrics: Mapping[str, Any], series: Sequence[Series]) -> list[ComparedModel]:
    """Teacher, references, compressed teachers and students, in this order."""
    references = (metrics.get("efficiency") or {}).get("references") or []
    labels = metrics["dataset"]["labels"]
    return [
        _compared_model(TEACHER, TEACHER, TEACHER, metrics["teacher"], labels, TEACHER, "pytorch"),
        *(
            _compared_model(row["model"], row["model"], "reference", row, labels)
            for row in references
        ),
        *(_baseline(row, labels) for row in metrics.get("baselines") or []),
        *(_student(one, labels) for one in series),
    ]


def _baseline(row: Mapping[str, Any], labels: Sequence[str]) -> ComparedModel:
    return _compared_model(
        baseline_name(row), row["name"], "baseline", row, labels, row["label"], row["runtime"]
    )


def baseline_name(row: Mapping[str, Any]) -> str:
    """What readers see of a compressed teacher; ONNX Runtime is not named for int8."""
    label = f"{row['label']}, float32" if row["label"] == TEACHER else row["label"]
    if row["runtime"] == "pytorch" or (row["label"] != TEACHER and row["runtime"] == _USUAL):
        return label
    return f"{label} in {_RUNTIMES.get(row['runtime'], row['runtime'])}"


def _compared_model(
    name: str,
    key: str,
    family: str,
    row: Mapping[str, Any],
    labels: Sequence[str],
    timed_as: str | None = None,
    runtime: str | None = None,
) -> ComparedModel:
    per_class = row.get("f1_per_class") or {}
    values = {measure: number(row.get(measure)) for measure in _MEASURES}
    values |= {f"f1_per_class.{label}": number(per_class.get(label)) for label in labels}
    estimates = {name: Estimate(value) for name, value in values.items() if value is not None}
    sizes = number(row.get("parameters")), number(row.get("bytes"))
    return ComparedModel(
        name, key, family, *sizes, estimates, timed_as or name, runtime, family, None
    )


def _student(one: Series, labels: Sequence[str]) -> ComparedModel:
    measures = [*_MEASURES, *(f"f1_per_class.{label}" for label in labels)]
    found = {measure: one.estimate(measure) or _mean(one, measure) for measure in measures}
    return ComparedModel(
        name=one.name,
        key=one.method,
        family="student",
        parameters=one.mean("parameters"),
        num_bytes=one.mean("bytes"),
        estimates={measure: value for measure, value in found.items() if value is not None},
        timed_as=one.name,
        runtime=None,
        method=one.method,
        preset=one.preset,
    )


def _mean(one: Series, measure: str) -> Estimate | None:
    """The mean over the seeds of what the summary does not hold."""
    mean = one.mean(measure)
    return None if mean is None else Estimate(mean)


def published_quality(metrics: Mapping[str, Any], models: Sequence[ComparedModel]) -> list[Column]:
    """Published accuracy and macro F1 of the models by their names; empty if there are none."""
    rows = _rows(metrics, "quality")
    return [
        _published(QUALITY_METRICS[key], key, rows, models, fmt.score)
        for key in ("accuracy", "macro_f1")
    ]


def published_size_and_time(
    metrics: Mapping[str, Any], models: Sequence[ComparedModel]
) -> list[Column]:
    """Published size, compression, time of a batch and speed-up."""
    rows = _rows(metrics, "compression")
    return [
        _published("size", "bytes", rows, models, fmt.size),
        _published("compression", "compression", rows, models, fmt.ratio),
        _published("batch of 32 padded to 150, ms", "milliseconds", rows, models, fmt.milliseconds),
        _published("speed-up", "speedup", rows, models, fmt.ratio),
    ]


def published_accuracy(metrics: Mapping[str, Any], models: Sequence[ComparedModel]) -> list[Column]:
    """Published accuracy of the compressed models."""
    rows = _rows(metrics, "compression")
    return [_published("accuracy", "accuracy", rows, models, fmt.score)]


def citation(metrics: Mapping[str, Any]) -> str:
    """Where the published figures are from, as Markdown; "" if there are none."""
    found = metrics.get("published")
    return fmt.text(found["source"]) if found else ""


def _rows(metrics: Mapping[str, Any], table: str) -> dict[str, Mapping[str, Any]]:
    found = (metrics.get("published") or {}).get(table) or []
    return {row["name"]: row for row in found}


def _published(
    title: str,
    key: str,
    rows: Mapping[str, Mapping[str, Any]],
    models: Sequence[ComparedModel],
    write: Any,
) -> Column:
    values = [number(rows.get(model.key, {}).get(key)) for model in models]
    return fmt.column(f"published: {title}", values, write)
