# SPDX-License-Identifier: Apache-2.0
"""The figure of three sides of every model: macro F1, compression and speed-up."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.benchmark.compared_models import TEACHER, ComparedModel, compared_models
from dixtill_hf.reporting.benchmark.efficiency_tables import Timing, fastest, main_timings
from dixtill_hf.reporting.benchmark.tables import pruning_ways, temperature_groups, way_name
from dixtill_hf.reporting.measurements import Estimate, Series, compression, number
from dixtill_hf.reporting.plot_style import (
    BASELINE_COLOUR,
    HEIGHT,
    MEASURED,
    SAME_RUNTIME,
    STEM,
    TEACHER_COLOUR,
    TEACHER_LINE,
    UNDISTILLED_LINE,
    WIDTH,
    Look,
    broken_name,
    draw_estimates,
    legend_below,
    legend_height,
    pruning_look,
    series_look,
    spread,
    write_at_edge,
)

_ROW_HEIGHT = 0.36
# Powers of ten the axis spans → its ticks within each; more powers need no other ticks.
_TICKS = {1: (1.0, 2.0, 5.0), 2: (1.0, 3.0)}
_FAMILY_COLOURS = {TEACHER: TEACHER_COLOUR, "baseline": BASELINE_COLOUR}


def baselines_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """A row for each model, a panel for each side; None if nothing was timed.

    The time is that of the model's fastest runtime in the setting that comparisons name.
    """
    rows = main_timings(metrics)
    models = [one for one in compared_models(metrics, series) if "macro_f1" in one.estimates]
    times = [fastest(rows, model) for model in models]
    if not any(times):
        return None
    height = 1.3 + _ROW_HEIGHT * len(models)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    quality, smaller, faster = figure.subplots(1, 3, sharey=True)
    looks = [_look(model, models) for model in models]
    _draw_quality(quality, models, looks)
    ratios = [compression(metrics, model.num_bytes) for model in models]
    _draw_ratios(smaller, ratios, looks)
    _draw_ratios(faster, [_value(row, "speedup_fastest_teacher") for row in times], looks)
    _draw_same_runtime(faster, times, looks)
    for axes, title in ((quality, "macro F1"), (smaller, "compression"), (faster, "speed-up")):
        axes.set_title(title)
        axes.grid(axis="y", visible=False)
    quality.set_yticks(range(len(models)), [broken_name(model.name) for model in models])
    quality.set_ylim(len(models) - 0.5, -0.5)
    legend_below(figure, _legend())
    return figure


def _draw_quality(axes: Axes, models: Sequence[ComparedModel], looks: Sequence[Look]) -> None:
    """Macro F1 with its interval, and the teacher's line."""
    for row, (model, look) in enumerate(zip(models, looks, strict=True)):
        found = model.estimates["macro_f1"]
        axes.errorbar([found.mean], [row], xerr=spread([found]), **look)
        write_at_edge(axes, row, fmt.score(found.mean))
        if model.family == TEACHER:
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


def _look(model: ComparedModel, models: Sequence[ComparedModel]) -> Look:
    students = [one for one in models if one.family == "student"]
    if model.family == "student":
        return series_look(model, students)
    return {**MEASURED, "color": _FAMILY_COLOURS[model.family]}


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], label="teacher", **TEACHER_LINE),
        Line2D([], [], label="speed-up over the fastest teacher", **MEASURED),
        Line2D([], [], label="over the teacher in the same runtime", **SAME_RUNTIME),
    ]


def _value(timing: Timing | None, key: str) -> float | None:
    return None if timing is None else number(timing.get(key))


# Models are moved apart sideways by this share of the axis, so that no interval hides another.
_SHIFT = 0.006
# One for each preset.
_UNDISTILLED_STYLES = (":", "-.", (0, (8, 4)))


class _Curve(NamedTuple):
    """A line of the figure: where its points are, and their values."""

    name: str
    look: Look
    positions: list[float]
    values: list[Estimate | None]


class _Level(NamedTuple):
    """A value that all points are compared with."""

    name: str
    look: Look
    value: float


def temperature_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """Macro F1 against the temperature; lines for the teacher and the undistilled student."""
    groups = temperature_groups(metrics)
    if not groups:
        return None
    temperatures = sorted({group.setting for group in groups})
    step = _SHIFT * (temperatures[-1] - temperatures[0])
    models = list(dict.fromkeys((group.method, group.preset) for group in groups))
    curves = []
    for position, model in enumerate(models):
        own = [group for group in groups if (group.method, group.preset) == model]
        shift = step * (position - (len(models) - 1) / 2)
        places = [group.setting + shift for group in own]
        values = [group.estimate("macro_f1") for group in own]
        curves.append(_Curve(own[0].name, series_look(own[0], groups), places, values))
    levels = _teacher(metrics) + _undistilled(series, {preset for _, preset in models})
    figure, axes = _draw(curves, levels)
    axes.set(xlabel="temperature τ", xticks=temperatures)
    return figure


def pruning_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """Macro F1 against the heads removed, a line for each way to choose them."""
    curves = [
        _Curve(
            way_name(way),
            pruning_look(*way),
            [row["removed_per_layer"] for row in rows],
            [_single(row) for row in rows],
        )
        for way, rows in pruning_ways(metrics).items()
    ]
    if not curves:
        return None
    figure, axes = _draw(curves, _teacher(metrics))
    axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    axes.set_xlabel("heads removed in a layer (mean over the layers)")
    return figure


def _draw(curves: Sequence[_Curve], levels: Sequence[_Level]) -> tuple[Figure, Axes]:
    """Curves and levels of macro F1, with a legend below."""
    named = [(one.name, one.look) for one in levels] + [(one.name, one.look) for one in curves]
    handles = [Line2D([], [], label=name, **look) for name, look in named]
    figure = Figure(figsize=(WIDTH, HEIGHT + legend_height(handles)), layout="constrained")
    axes = figure.subplots()
    for level in levels:
        axes.axhline(level.value, **level.look)
    for curve in curves:
        draw_estimates(axes, curve.positions, curve.values, curve.look)
    axes.set_ylabel("macro F1")
    axes.grid(axis="x", visible=False)
    legend_below(figure, handles)
    return figure, axes


def _teacher(metrics: Mapping[str, Any]) -> list[_Level]:
    value = number(metrics["teacher"].get("macro_f1"))
    return [] if value is None else [_Level("teacher", TEACHER_LINE, value)]


def _undistilled(series: Sequence[Series], presets: set[str | None]) -> list[_Level]:
    """The student without distillation, which knows no temperature, of each of the presets."""
    found = [one for one in series if one.method == "none" and one.preset in presets]
    levels = []
    for one, style in zip(found, itertools.cycle(_UNDISTILLED_STYLES)):
        value = one.estimate("macro_f1")
        if value is not None:
            look = UNDISTILLED_LINE | {"linestyle": style}
            levels.append(_Level(one.name, look, value.mean))
    return levels


def _single(row: Mapping[str, Any]) -> Estimate | None:
    value = number(row["macro_f1"])
    return None if value is None else Estimate(value)
