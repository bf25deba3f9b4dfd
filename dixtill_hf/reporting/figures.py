# SPDX-License-Identifier: Apache-2.0
"""The figures of a report, as PNG and SVG on white, only from metrics.json."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

try:
    import matplotlib as mpl
except ImportError as error:
    raise ImportError(
        'the figures of a report need matplotlib: pip install "dixtill_hf[report]"'
    ) from error
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.benchmark.figures import (
    baselines_figure,
    pruning_figure,
    temperature_figure,
)
from dixtill_hf.reporting.device import device_figure
from dixtill_hf.reporting.explanation_figures import agreement_figure, highlight_figure
from dixtill_hf.reporting.measurements import (
    METHOD_NAMES,
    METRIC_NAMES,
    Estimate,
    Series,
    main_metric,
    number,
    quality_of,
    series_of,
    stages_of,
)
from dixtill_hf.reporting.plot_style import (
    BAR_COLOUR,
    HEIGHT,
    INTERVAL,
    MEASURED,
    METHOD_COLOURS,
    SEED_TICK,
    SETTINGS,
    TEACHER_LINE,
    TEACHER_STAR,
    UNDISTILLED_LINE,
    WIDTH,
    Look,
    legend_below,
    series_look,
    spread,
    write_at_edge,
)

# Least possible value of the metrics that may be negative, and room for a marker at the end.
_LOWEST = {"matthews": -1.0, "pearson": -1.0, "spearman": -1.0}
_EDGE = 0.02


def draw_figures(
    metrics: Mapping[str, Any],
    directory: str | Path,
    explanations: Mapping[str, Any] | None = None,
) -> list[str]:
    """Draw every figure that there is data for, as PNG and SVG.

    Args:
        metrics: Contents of metrics.json.
        directory: Where the files go; made if it is not there.
        explanations: Contents of explanations.json, if there is one.

    Returns:
        Names of the figures drawn, of "quality", "temperature", "baselines", "pruning",
        "agreement", "size", "device", "cascade", "stages" and "highlights"; each is a `<name>.png`
        and a `<name>.svg`, the same bytes each time for the same data.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    series = series_of(metrics)
    with mpl.rc_context(SETTINGS):
        figures = {name: draw(metrics, series) for name, draw in _FIGURES.items()}
        if explanations is not None:
            figures["highlights"] = highlight_figure(explanations)
        drawn = {name: figure for name, figure in figures.items() if figure is not None}
        for name, figure in drawn.items():
            figure.savefig(directory / f"{name}.png", metadata={"Software": None})
            figure.savefig(directory / f"{name}.svg", metadata={"Date": None})
    return list(drawn)


def quality_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """Each quality metric per series: mean and interval, every seed, lines for two references."""
    names = quality_of(metrics).names
    measured = [key for key in names if any(one.estimate(key) for one in series)]
    if not measured:
        return None
    columns = min(2, len(measured))
    rows = -(-len(measured) // columns)
    height = 0.5 + rows * (0.75 + 0.32 * len(series))
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for axes, key in zip(panels, measured, strict=False):
        _draw_quality(axes, key, number(metrics["teacher"].get(key)), series)
    for axes in panels[len(measured) :]:
        axes.remove()
    handles = _quality_legend(series)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def size_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """Mean macro F1, or correlation, against size in bytes, on a logarithmic axis."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    handles = []
    teacher, main = metrics["teacher"], main_metric(metrics)
    num_bytes, quality = number(teacher.get("bytes")), number(teacher.get(main))
    if num_bytes and quality is not None:
        handles += axes.plot(num_bytes, quality, label="teacher", **TEACHER_STAR)
    for one in series:
        num_bytes, found = one.mean("bytes"), one.estimate(main)
        if num_bytes and found:
            look = series_look(one, series) | {"linestyle": "none"}
            handles += axes.plot(num_bytes, found.mean, label=one.name, **look)
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.15)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(EngFormatter(unit="B"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="size of the weights (logarithmic)", ylabel=METRIC_NAMES[main])
    figure.legend(handles=handles, loc="outside right center")
    return figure if handles else None


def cascade_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """Accuracy of student and teacher together against the share of texts that are sent on."""
    cascade = (metrics.get("answering") or {}).get("cascade")
    if cascade is None:
        return None
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    curve, teacher = cascade["curve"], cascade["teacher_accuracy"]
    shares = [place / (len(curve) - 1) for place in range(len(curve))]
    look = {"color": METHOD_COLOURS["dixtill"], "linewidth": 2}
    axes.plot(shares, curve, **look)
    axes.axhline(teacher, **TEACHER_LINE)
    handles = [
        Line2D([], [], label="student, then teacher", **look),
        Line2D([], [], label=f"teacher {fmt.score(teacher)}", **TEACHER_LINE),
    ]
    for wanted, share in cascade["forwarded"].items():
        reached = float(np.interp(share, shares, curve))
        axes.plot([share], [reached], **MEASURED)
        axes.annotate(
            f"{100 * float(wanted):.0f} % of the teacher's accuracy:\n{fmt.percent(share)} sent on",
            (share, reached),
            xytext=(10, -24),
            textcoords="offset points",
            fontsize=9,
        )
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set(xlabel="texts sent to the teacher, least sure first", ylabel="accuracy")
    legend_below(figure, handles)
    return figure


def stages_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """Wall time of each stage of the run."""
    stages = stages_of(metrics)
    if not stages:
        return None
    figure = Figure(figsize=(WIDTH, 0.4 + 0.34 * len(stages)), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(stages), list(stages.values()), height=0.6, color=BAR_COLOUR)
    axes.bar_label(bars, [fmt.duration(seconds) for seconds in stages.values()], padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(visible=False)
    # The bars carry their values.
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    return figure


_FIGURES: dict[str, Callable[[Mapping[str, Any], Sequence[Series]], Figure | None]] = {
    "quality": quality_figure,
    "temperature": temperature_figure,
    "baselines": baselines_figure,
    "pruning": pruning_figure,
    "agreement": agreement_figure,
    "size": size_figure,
    "device": device_figure,
    "cascade": cascade_figure,
    "stages": stages_figure,
}


def _draw_quality(axes: Axes, metric: str, teacher: float | None, series: Sequence[Series]) -> None:
    """One panel: a row per series from top to bottom, its mean written at the right edge."""
    for row, one in enumerate(series):
        found = one.estimate(metric)
        if found is not None:
            _draw_row(axes, row, found, one.values(metric), series_look(one, series))
        if found is not None and one.method == "none":
            rows = [at for at, other in enumerate(series) if other.preset == one.preset]
            axes.plot([found.mean] * 2, [rows[0] - 0.5, rows[-1] + 0.5], **UNDISTILLED_LINE)
    if teacher is not None:
        axes.axvline(teacher, **TEACHER_LINE)
        axes.set_title(
            f"teacher {fmt.score(teacher)}", loc="right", fontsize=9, fontweight="normal"
        )
    axes.set_title(METRIC_NAMES[metric])
    axes.set_yticks(range(len(series)), [one.name for one in series])
    axes.set_ylim(len(series) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.margins(x=0.08)
    # The interval of two or three seeds may reach beyond what the metric can be.
    left, right = axes.get_xlim()
    highest = float("inf") if metric == "mae" else 1.0
    axes.set_xlim(max(left, _LOWEST.get(metric, 0.0) - _EDGE), min(right, highest + _EDGE))
    axes.grid(axis="y", visible=False)


def _draw_row(axes: Axes, row: int, found: Estimate, seeds: Sequence[float], look: Look) -> None:
    """A mean with its interval, a tick for each seed, and the mean in figures."""
    if len(seeds) > 1:
        axes.plot(seeds, [row] * len(seeds), alpha=0.6, **SEED_TICK | {"color": look["color"]})
    axes.errorbar([found.mean], [row], xerr=spread([found]), **look)
    write_at_edge(axes, row, fmt.score(found.mean))


def _quality_legend(series: Sequence[Series]) -> list[Line2D]:
    """What the lines and ticks mean; the rows carry their own names."""
    handles = [Line2D([], [], label="teacher", **TEACHER_LINE)]
    if any(one.method == "none" for one in series):
        handles.append(Line2D([], [], label=METHOD_NAMES["none"], **UNDISTILLED_LINE))
    if any(len(one.results) > 1 for one in series):
        handles.append(Line2D([], [], label="mean, 95 % interval", **INTERVAL))
        handles.append(Line2D([], [], label="one seed", **SEED_TICK))
    return handles
