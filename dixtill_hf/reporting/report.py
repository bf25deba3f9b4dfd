# SPDX-License-Identifier: Apache-2.0
"""Writes the report of a run into its output directory, from the JSON files that lie there."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting import tables
from dixtill_hf.reporting.caveats import caveats
from dixtill_hf.reporting.figures import draw_figures
from dixtill_hf.reporting.highlights import html_page
from dixtill_hf.reporting.measurements import Series, read_metrics, series_of
from dixtill_hf.reporting.sentences import opening, short_name
from dixtill_hf.reporting.templating import render


def write_report(directory: str | Path) -> Path:
    """Write report.md, figures/ and explanations.html of a finished run.

    Nothing but `metrics.json` and, where it is there, `explanations.json` in the directory is
    read: without the latter there is no page of explanations.

    Args:
        directory: Output directory of a run.

    Returns:
        Path of report.md.

    Raises:
        FileNotFoundError: The directory holds no metrics.json.
        ValueError: metrics.json or explanations.json cannot be reported on.
    """
    directory = Path(directory)
    metrics = read_metrics(directory / "metrics.json")
    figures = draw_figures(metrics, directory / "figures")
    has_page = _write_page(directory, metrics)
    path = directory / "report.md"
    path.write_text(report_text(metrics, figures, has_page), encoding="utf-8")
    return path


def report_text(metrics: Mapping[str, Any], figures: Sequence[str], has_page: bool) -> str:
    """Markdown of the report.

    Args:
        metrics: Contents of metrics.json.
        figures: Names of the figures that lie in figures/.
        has_page: Whether explanations.html lies beside the report.
    """
    series = series_of(metrics)
    text = render(
        "report.md.jinja",
        title=_title(metrics),
        opening=opening(metrics, series),
        caveats=caveats(metrics, series),
        figures=figures,
        has_page=has_page,
        intervals=_has_intervals(series),
        quality=tables.quality_table(metrics, series),
        size=tables.size_table(metrics, series),
        agreement=tables.agreement_table(series),
        comparisons=tables.comparison_table(metrics, series),
        annotation=tables.annotation_table(metrics),
        explainer=tables.settings_table(metrics["teacher"].get("explainer") or {}),
        data=tables.data_table(metrics),
        vocabulary=tables.vocabulary_table(metrics),
        stages=tables.stage_table(metrics),
        command=metrics.get("command"),
        recipe=tables.settings_table(metrics.get("recipe") or {}),
        environment=tables.environment_table(metrics),
    )
    return text.rstrip("\n") + "\n"


def _title(metrics: Mapping[str, Any]) -> str:
    return fmt.text(short_name(metrics["dataset"]["source"]))


def _has_intervals(series: Sequence[Series]) -> bool:
    found = (one.estimate("accuracy") for one in series)
    return any(value is not None and value.interval for value in found)


def _write_page(directory: Path, metrics: Mapping[str, Any]) -> bool:
    """Write explanations.html if there is something to show; tells whether there is."""
    source = directory / "explanations.json"
    if not source.is_file():
        return False
    explanations = json.loads(source.read_text(encoding="utf-8"))
    title = f"Explanations of teacher and student: {short_name(metrics['dataset']['source'])}"
    page = html_page(explanations, title)
    (directory / "explanations.html").write_text(page, encoding="utf-8")
    return True
