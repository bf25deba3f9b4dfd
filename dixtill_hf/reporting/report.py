# SPDX-License-Identifier: Apache-2.0
"""Writes the report of a run into its output directory, from the JSON files that lie there."""

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

try:
    from markdown_it import MarkdownIt
except ImportError as error:
    raise ImportError(
        'the HTML report needs markdown-it-py: pip install "dixtill_hf[report]".'
    ) from error
from markupsafe import Markup

from dixtill_hf.artifacts.files import read_json
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting import tables
from dixtill_hf.reporting.answering import answering_sentences
from dixtill_hf.reporting.benchmark import efficiency_tables
from dixtill_hf.reporting.benchmark import tables as benchmark_tables
from dixtill_hf.reporting.benchmark.compared_models import (
    ComparedModel,
    citation,
    compared_models,
    published_quality,
)
from dixtill_hf.reporting.caveats import caveats
from dixtill_hf.reporting.device import device_section
from dixtill_hf.reporting.figures import draw_figures
from dixtill_hf.reporting.formatting import render
from dixtill_hf.reporting.highlights import html_page
from dixtill_hf.reporting.measurements import (
    METRIC_NAMES,
    Series,
    main_metric,
    read_metrics,
    series_of,
)
from dixtill_hf.reporting.summary import short_name, summary

_FIGURE = re.compile(r'src="(figures/[^"]+)\.png"')


def write_report(directory: str | Path) -> Path:
    """Write report.md, report.html, figures/ and explanations.html of a finished run.

    report.html is report.md in one file, with the figures inside.

    Only `metrics.json` and `explanations.json` in the directory are read. Without the latter there
    is no page of explanations.

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
    explanations = _read_explanations(directory)
    figures = draw_figures(metrics, directory / "figures", explanations)
    if explanations is not None:
        _write_page(explanations, metrics, directory)
    path = directory / "report.md"
    text = report_text(metrics, figures, has_page=explanations is not None)
    path.write_text(text, encoding="utf-8")
    page = report_page(text, short_name(metrics["dataset"]["source"]), directory)
    (directory / "report.html").write_text(page, encoding="utf-8")
    return path


def report_text(metrics: Mapping[str, Any], figures: Sequence[str], has_page: bool) -> str:
    """Markdown of the report.

    Args:
        metrics: Contents of metrics.json.
        figures: Names of the figures that lie in figures/.
        has_page: Whether explanations.html is in the same directory.
    """
    series = series_of(metrics)
    models = compared_models(metrics, series)
    judged = [one for one in models if one.family in ("teacher", "student")]
    text = render(
        "report.md.jinja",
        title=_title(metrics),
        summary=summary(metrics, series),
        caveats=caveats(metrics, series),
        figures=figures,
        has_page=has_page,
        intervals=_has_intervals(series),
        quality=tables.quality_table(metrics, series, published_quality(metrics, judged)),
        main_metric=METRIC_NAMES[main_metric(metrics)],
        benchmark=benchmark_sections(metrics, models),
        size=tables.size_table(metrics, series),
        device=device_section(metrics),
        agreement=tables.agreement_table(series),
        answering=answering_sentences(metrics),
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


def report_page(markdown: str, title: str, directory: Path) -> str:
    """A report as one HTML file with its figures inside; it loads nothing.

    Args:
        markdown: Markdown of the report.
        title: Title of the page.
        directory: Directory of report.md, where figures/ is.
    """
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    body = body.replace("<table>", '<div class="scroll"><table>')
    body = body.replace("</table>", "</table></div>")
    body = _FIGURE.sub(lambda match: f'src="{_data_uri(directory / match[1])}"', body)
    return render("report.html.jinja", title=title, body=Markup(body))


def _data_uri(figure: Path) -> str:
    """The figure as SVG, which stays sharp at every size."""
    encoded = base64.b64encode(figure.with_suffix(".svg").read_bytes()).decode()
    return f"data:image/svg+xml;base64,{encoded}"


def _title(metrics: Mapping[str, Any]) -> str:
    return fmt.text(short_name(metrics["dataset"]["source"]))


def _has_intervals(series: Sequence[Series]) -> bool:
    found = (one.estimate(one.main) for one in series)
    return any(value is not None and value.interval for value in found)


def _read_explanations(directory: Path) -> dict[str, Any] | None:
    """Contents of explanations.json, None if there is none."""
    found: dict[str, Any] | None = read_json(directory / "explanations.json")
    return found


def _write_page(
    explanations: Mapping[str, Any], metrics: Mapping[str, Any], directory: Path
) -> None:
    title = f"Explanations of teacher and student: {short_name(metrics['dataset']['source'])}"
    page = html_page(explanations, title)
    (directory / "explanations.html").write_text(page, encoding="utf-8")


def benchmark_sections(
    metrics: Mapping[str, Any], models: Sequence[ComparedModel]
) -> dict[str, Any]:
    """Values of the templates by their names: Markdown tables, or lists of title and table.

    Args:
        metrics: Contents of metrics.json.
        models: All models of it.
    """
    settings = (metrics.get("efficiency") or {}).get("settings") or {}
    return {
        "published": citation(metrics),
        "per_class": benchmark_tables.per_class_table(metrics, models),
        "temperature": benchmark_tables.temperature_table(metrics),
        "size_and_time": efficiency_tables.size_and_time_table(metrics, models),
        "setting": efficiency_tables.main_setting(metrics),
        "times": efficiency_tables.time_tables(metrics),
        "memory": efficiency_tables.memory_table(metrics),
        "energy": efficiency_tables.energy_table(metrics),
        "time_settings": tables.settings_table(settings),
        "baselines": benchmark_tables.baselines_table(metrics, models),
        "baseline_settings": benchmark_tables.baseline_settings(metrics),
        "pruning": benchmark_tables.pruning_table(metrics),
        "agreement": benchmark_tables.agreement_overview(metrics),
        "agreement_at_k": benchmark_tables.agreement_at_every_k(metrics),
        "faithfulness": benchmark_tables.faithfulness_table(metrics),
        "plausibility": benchmark_tables.plausibility_table(metrics),
    }
