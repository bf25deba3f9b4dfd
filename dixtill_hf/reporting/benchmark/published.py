# SPDX-License-Identifier: Apache-2.0
"""Columns of published figures beside the measured ones, headed so that nobody mixes them up."""

from collections.abc import Mapping, Sequence
from typing import Any

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.benchmark.compared_models import ComparedModel
from dixtill_hf.reporting.formatting import Column
from dixtill_hf.reporting.measurements import QUALITY_METRICS, number


def quality_columns(metrics: Mapping[str, Any], models: Sequence[ComparedModel]) -> list[Column]:
    """Published accuracy and macro F1 of the models by their names; empty where there are none."""
    rows = _rows(metrics, "quality")
    return [
        _column(QUALITY_METRICS[key], key, rows, models, fmt.score)
        for key in ("accuracy", "macro_f1")
    ]


def size_and_time_columns(
    metrics: Mapping[str, Any], models: Sequence[ComparedModel]
) -> list[Column]:
    """Published size, compression, time of a batch and speed-up."""
    rows = _rows(metrics, "compression")
    return [
        _column("size", "bytes", rows, models, fmt.size),
        _column("compression", "compression", rows, models, fmt.ratio),
        _column("batch of 32 padded to 150, ms", "milliseconds", rows, models, fmt.milliseconds),
        _column("speed-up", "speedup", rows, models, fmt.ratio),
    ]


def compressed_columns(metrics: Mapping[str, Any], models: Sequence[ComparedModel]) -> list[Column]:
    """Published accuracy of the compressed models."""
    rows = _rows(metrics, "compression")
    return [_column("accuracy", "accuracy", rows, models, fmt.score)]


def citation(metrics: Mapping[str, Any]) -> str:
    """Where the published figures are from, as Markdown; "" where there are none."""
    found = metrics.get("published")
    return fmt.text(found["source"]) if found else ""


def _rows(metrics: Mapping[str, Any], table: str) -> dict[str, Mapping[str, Any]]:
    found = (metrics.get("published") or {}).get(table) or []
    return {row["name"]: row for row in found}


def _column(
    title: str,
    key: str,
    rows: Mapping[str, Mapping[str, Any]],
    models: Sequence[ComparedModel],
    write: Any,
) -> Column:
    values = [number(rows.get(model.key, {}).get(key)) for model in models]
    return fmt.column(f"published: {title}", values, write)
