# SPDX-License-Identifier: Apache-2.0
"""The figure of how far explanations agree with the teacher's, against the number of words k."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dixtill_hf.reporting.benchmark.explanation_tables import (
    AGREEMENT_NAMES,
    agreement_depths,
    agreement_groups,
    explanation_name,
)
from dixtill_hf.reporting.benchmark.sweep_tables import SeedGroup
from dixtill_hf.reporting.measurements import Estimate, Series, headline
from dixtill_hf.reporting.style import (
    CONTROL_COLOUR,
    HEIGHT,
    WIDTH,
    Look,
    draw_estimates,
    legend_below,
    legend_height,
    series_look,
)

_LINE_STYLES = {"attention": "--", "integrated_gradients": "-.", "shuffled": "--", "random": ":"}
_CONTROLS = ("shuffled", "random")
# Models are moved apart sideways a little, so that no interval hides another.
_SHIFT = 0.05
_MOST_SHIFT = 0.4
_PANEL_HEIGHT = 2.7


@dataclass(frozen=True)
class _Curve:
    """One explanation: its name, its look, and its value of a measure such as "cosine"."""

    name: str
    look: Look
    estimate: Callable[[str], Estimate | None]


def agreement_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """Agreement at k: of the explanations that a benchmark compared, else of the students'.

    Of a benchmark, as in Cantini et al. (2024): what the student that the report is about says of
    itself, with its controls, and Integrated Gradients of the other students of its preset. All
    others are in the tables.
    """
    groups = [one for one in agreement_groups(metrics) if _is_shown(one, headline(series))]
    if groups:
        curves = [_benchmark_curve(group, groups) for group in groups]
        depths = agreement_depths(groups)
    else:
        explained = [one for one in series if one.depths]
        curves = [_run_curve(one, series) for one in explained]
        depths = sorted({k for one in explained for k in one.depths})
    measures = [key for key in AGREEMENT_NAMES if _is_measured(key, depths, curves)]
    return _draw(curves, depths, measures) if measures else None


def _is_shown(group: SeedGroup, subject: Series) -> bool:
    if group.preset not in (None, subject.preset):
        return False
    if group.method == subject.method:
        return group.setting != "integrated_gradients"
    return group.setting in ("integrated_gradients", "coefficients")


def _draw(curves: Sequence[_Curve], depths: Sequence[int], measures: Sequence[str]) -> Figure:
    handles = [Line2D([], [], label=curve.name, **curve.look) for curve in curves]
    rows = -(-len(measures) // 2)
    panel = HEIGHT if rows == 1 else _PANEL_HEIGHT * rows
    height = panel + legend_height(handles)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = list(figure.subplots(rows, 2, sharey="row", squeeze=False).flat)
    step = min(_SHIFT, _MOST_SHIFT / len(curves))
    for axes, key in zip(panels, measures, strict=False):
        for position, curve in enumerate(curves):
            found = [curve.estimate(f"{key}@{k}") for k in depths]
            shift = step * (position - (len(curves) - 1) / 2)
            draw_estimates(axes, [k + shift for k in depths], found, curve.look)
        axes.set(title=AGREEMENT_NAMES[key], xticks=depths)
        axes.set_ylim(bottom=0)
        axes.grid(axis="x", visible=False)
    for axes in panels[len(measures) :]:
        axes.remove()
    for axes in panels[len(measures) - 2 : len(measures)]:
        axes.set_xlabel("k, the most important words")
    for axes in panels[: len(measures) : 2]:
        axes.set_ylabel("agreement with the teacher" if rows == 1 else "agreement")
    legend_below(figure, handles)
    return figure


def _benchmark_curve(group: SeedGroup, groups: Sequence[SeedGroup]) -> _Curve:
    kind = group.setting
    look = series_look(group, groups) | {
        "linestyle": _LINE_STYLES.get(kind, "-"),
        "markersize": 5,
    }
    if kind in _CONTROLS:
        look["color"] = CONTROL_COLOUR
    return _Curve(f"{group.name}: {explanation_name(kind)}", look, group.estimate)


def _run_curve(one: Series, series: Sequence[Series]) -> _Curve:
    return _Curve(
        one.name,
        series_look(one, series),
        lambda measure: one.estimate(f"explanation.{measure}"),
    )


def _is_measured(key: str, depths: Sequence[int], curves: Sequence[_Curve]) -> bool:
    return any(curve.estimate(f"{key}@{k}") for curve in curves for k in depths)
