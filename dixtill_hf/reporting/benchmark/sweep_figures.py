# SPDX-License-Identifier: Apache-2.0
"""The figures of macro F1 against what was varied: the temperature, and the heads pruned."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dixtill_hf.reporting.benchmark.sweep_tables import pruning_ways, temperature_groups, way_name
from dixtill_hf.reporting.drawing import (
    HEIGHT,
    WIDTH,
    draw_estimates,
    legend_below,
    legend_height,
)
from dixtill_hf.reporting.measurements import Estimate, Series, number
from dixtill_hf.reporting.styles import (
    TEACHER_LINE,
    UNDISTILLED_LINE,
    Look,
    pruning_look,
    series_look,
)

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
    """A value that stands beside all points."""

    name: str
    look: Look
    value: float


def temperature_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """Mean macro F1 against the temperature, beside the teacher and the undistilled student."""
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
