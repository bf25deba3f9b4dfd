# SPDX-License-Identifier: Apache-2.0
"""The figure of three sides of every model: macro F1, compression and speed-up."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.benchmark.rivals import TEACHER, Rival, rivals_of
from dixtill_hf.reporting.benchmark.timings import Timing, fastest, main_timings
from dixtill_hf.reporting.drawing import WIDTH, broken_name, legend_below, spread, write_at_edge
from dixtill_hf.reporting.measurements import Series, compression, number
from dixtill_hf.reporting.styles import (
    COMPRESSED_COLOUR,
    MEASURED,
    SAME_RUNTIME,
    STEM,
    TEACHER_COLOUR,
    TEACHER_LINE,
    Look,
    series_look,
)

_ROW_HEIGHT = 0.36
# Powers of ten the axis spans → its ticks within each; more powers need no other ticks.
_TICKS = {1: (1.0, 2.0, 5.0), 2: (1.0, 3.0)}
_FAMILY_COLOURS = {TEACHER: TEACHER_COLOUR, "compressed": COMPRESSED_COLOUR}


def rivals_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """A row for each model, a panel for each side; None where nothing was timed.

    The time is that of the model's fastest runtime in the setting that comparisons name.
    """
    rows = main_timings(metrics)
    rivals = [one for one in rivals_of(metrics, series) if "macro_f1" in one.estimates]
    times = [fastest(rows, rival) for rival in rivals]
    if not any(times):
        return None
    height = 1.3 + _ROW_HEIGHT * len(rivals)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    quality, smaller, faster = figure.subplots(1, 3, sharey=True)
    looks = [_look(rival, rivals) for rival in rivals]
    _draw_quality(quality, rivals, looks)
    ratios = [compression(metrics, rival.num_bytes) for rival in rivals]
    _draw_ratios(smaller, ratios, looks)
    _draw_ratios(faster, [_value(row, "speedup_fastest_teacher") for row in times], looks)
    _draw_same_runtime(faster, times, looks)
    for axes, title in ((quality, "macro F1"), (smaller, "compression"), (faster, "speed-up")):
        axes.set_title(title)
        axes.grid(axis="y", visible=False)
    quality.set_yticks(range(len(rivals)), [broken_name(rival.name) for rival in rivals])
    quality.set_ylim(len(rivals) - 0.5, -0.5)
    legend_below(figure, _legend())
    return figure


def _draw_quality(axes: Axes, rivals: Sequence[Rival], looks: Sequence[Look]) -> None:
    """Macro F1 with its interval, beside the teacher's line."""
    for row, (rival, look) in enumerate(zip(rivals, looks, strict=True)):
        found = rival.estimates["macro_f1"]
        axes.errorbar([found.mean], [row], xerr=spread([found]), **look)
        write_at_edge(axes, row, fmt.score(found.mean))
        if rival.family == TEACHER:
            axes.axvline(found.mean, **TEACHER_LINE)
    axes.margins(x=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(4))


def _draw_ratios(axes: Axes, ratios: Sequence[float | None], looks: Sequence[Look]) -> None:
    """Ratios to the teacher on a logarithmic axis, each with a stem from 1."""
    for row, (ratio, look) in enumerate(zip(ratios, looks, strict=True)):
        if ratio is not None:
            axes.plot([1, ratio], [row, row], color=look["color"], **STEM)
            axes.plot([ratio], [row], **look)
            write_at_edge(axes, row, fmt.ratio(ratio))
    axes.axvline(1, **TEACHER_LINE)
    axes.set_xscale("log")
    axes.margins(x=0.1)
    low, high = axes.get_xlim()
    decades = math.ceil(math.log10(high / low))
    axes.xaxis.set_major_locator(LogLocator(subs=_TICKS.get(decades, (1.0,))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.xaxis.set_minor_locator(NullLocator())


def _draw_same_runtime(axes: Axes, times: Sequence[Timing | None], looks: Sequence[Look]) -> None:
    for row, (timing, look) in enumerate(zip(times, looks, strict=True)):
        ratio = _value(timing, "speedup_same_runtime")
        if ratio is not None:
            axes.plot([ratio], [row], **SAME_RUNTIME | {"color": look["color"]})


def _look(rival: Rival, rivals: Sequence[Rival]) -> Look:
    students = [one for one in rivals if one.family == "student"]
    if rival.family == "student":
        return series_look(rival, students)
    return {**MEASURED, "color": _FAMILY_COLOURS[rival.family]}


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], label="teacher", **TEACHER_LINE),
        Line2D([], [], label="speed-up over the fastest teacher", **MEASURED),
        Line2D([], [], label="over the teacher in the same runtime", **SAME_RUNTIME),
    ]


def _value(timing: Timing | None, key: str) -> float | None:
    return None if timing is None else number(timing.get(key))
