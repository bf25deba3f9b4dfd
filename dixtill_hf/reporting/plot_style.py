# SPDX-License-Identifier: Apache-2.0
"""How all figures look: colours, sizes, and the few ways of drawing that they share."""

import textwrap
from collections.abc import Sequence
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dixtill_hf.reporting.measurements import Estimate

# The palette of Okabe and Ito (2008), safe for the colour-blind.
TEACHER_COLOUR = "#000000"
METHOD_COLOURS = {
    "bag_of_words": "#CC79A7",
    "none": "#56B4E9",
    "kl": "#0072B2",
    "mse": "#009E73",
    "dixtill": "#D55E00",
}
# For methods that the table above does not know, in the order in which they appear.
_SPARE_COLOURS = ("#E69F00", "#7F7F7F", "#8C6D31", "#4B4B9B")
BASELINE_COLOUR = "#E69F00"
CONTROL_COLOUR = "#7F7F7F"
RANKING_COLOURS = {
    "masking": "#D55E00",
    "gradient": "#0072B2",
    "gradient-iterative": "#009E73",
}
_MARKERS = ("o", "D", "s", "^", "v")

BAR_COLOUR = "#0072B2"
TEXT_COLOUR = "#333333"
# Pixels of a PNG to the inch.
RESOLUTION = 150
SETTINGS = {
    # Ships with matplotlib: the figures look the same on every machine.
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": TEXT_COLOUR,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": TEXT_COLOUR,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.color": TEXT_COLOUR,
    "ytick.color": TEXT_COLOUR,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.dpi": RESOLUTION,
    # Text as outlines: no font is needed to show the SVG.
    "svg.fonttype": "path",
    # Identifiers in the SVG are drawn from this, so that a file is the same each time.
    "svg.hashsalt": "dixtill_hf",
}


class Model(Protocol):
    """What the look of a model depends on."""

    @property
    def method(self) -> str:
        """Key of its method."""

    @property
    def preset(self) -> str | None:
        """Name of its preset, None if it has none."""


# Keyword arguments of matplotlib's lines.
Look = dict[str, Any]
TEACHER_LINE: Look = {"color": TEACHER_COLOUR, "linestyle": "--", "linewidth": 1.2}
TEACHER_STAR: Look = {
    "color": TEACHER_COLOUR,
    "marker": "*",
    "markersize": 13,
    "linestyle": "none",
}
UNDISTILLED_LINE: Look = {"color": METHOD_COLOURS["none"], "linestyle": ":", "linewidth": 1.5}
INTERVAL: Look = {"color": TEXT_COLOUR, "marker": "o"}
MEASURED: Look = {"color": TEXT_COLOUR, "marker": "o", "markersize": 7, "linestyle": "none"}
STEM: Look = {"linewidth": 3, "alpha": 0.35, "solid_capstyle": "butt"}
SAME_RUNTIME: Look = {**MEASURED, "markersize": 9, "markerfacecolor": "none"}
SEED_TICK: Look = {"color": TEXT_COLOUR, "marker": "|", "markersize": 11, "linestyle": "none"}


def series_look(one: Model, models: Sequence[Model]) -> Look:
    """How one of the models is drawn in every figure: colour by method, marker by preset."""
    return {
        "color": _colour(one, models),
        "marker": _marker(one, models),
        "markersize": 7,
        "linewidth": 1.5,
    }


def pruning_look(ranking: str, scope: str) -> Look:
    """How a way to choose heads is drawn: colour by ranking, line and marker by scope."""
    every_layer = scope == "per_layer"
    return {
        "color": RANKING_COLOURS.get(ranking, CONTROL_COLOUR),
        "linestyle": "-" if every_layer else "--",
        "marker": _MARKERS[0 if every_layer else 1],
        "markersize": 5,
        "linewidth": 1.5,
    }


def _colour(one: Model, models: Sequence[Model]) -> str:
    if one.method in METHOD_COLOURS:
        return METHOD_COLOURS[one.method]
    methods = dict.fromkeys(other.method for other in models)
    unknown = [method for method in methods if method not in METHOD_COLOURS]
    return _SPARE_COLOURS[unknown.index(one.method) % len(_SPARE_COLOURS)]


def _marker(one: Model, models: Sequence[Model]) -> str:
    """The first marker for the first preset and for methods that have none."""
    presets = [preset for preset in dict.fromkeys(o.preset for o in models) if preset is not None]
    return _MARKERS[0 if one.preset is None else presets.index(one.preset) % len(_MARKERS)]


# Wide enough for a README and a report; inches.
WIDTH = 9.5
HEIGHT = 4.0
# A row of a legend, inches, and how many characters fit into it beside the handles.
LEGEND_ROW = 0.22
_LEGEND_CHARACTERS = 135
_HANDLE_CHARACTERS = 8
_MOST_COLUMNS = 4
# Names beside rows are broken at this many characters.
_NAME_CHARACTERS = 30


def draw_estimates(
    axes: Axes,
    positions: Sequence[float],
    found: Sequence[Estimate | None],
    look: Look,
) -> None:
    """Means with their intervals, at the given places of the horizontal axis."""
    known = [(x, value) for x, value in zip(positions, found, strict=True) if value is not None]
    values = [value for _, value in known]
    axes.errorbar(
        [x for x, _ in known], [value.mean for value in values], yerr=spread(values), **look
    )


def spread(values: Sequence[Estimate]) -> list[list[float]]:
    """Lengths below and above the means, as errorbar wants them; 0 if there is no interval."""
    intervals = [value.interval or (value.mean, value.mean) for value in values]
    below = [value.mean - low for value, (low, _) in zip(values, intervals, strict=True)]
    above = [high - value.mean for value, (_, high) in zip(values, intervals, strict=True)]
    return [below, above]


def write_at_edge(axes: Axes, row: int, value: str) -> None:
    """A value beside the right edge of a row."""
    axes.annotate(
        value,
        (1, row),
        xycoords=axes.get_yaxis_transform(),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
    )


def legend_columns(handles: Sequence[Line2D]) -> int:
    """How many columns of a legend below a figure fit beside each other."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    fitting = _LEGEND_CHARACTERS // (longest + _HANDLE_CHARACTERS)
    return max(1, min(_MOST_COLUMNS, fitting))


def legend_below(figure: Figure, handles: Sequence[Line2D]) -> None:
    """A legend below the figure, in as many columns as fit."""
    figure.legend(handles=list(handles), loc="outside lower center", ncols=legend_columns(handles))


def legend_height(handles: Sequence[Line2D]) -> float:
    """Height in inches of the rows of such a legend beyond the second."""
    rows = -(-len(handles) // legend_columns(handles))
    return max(0, rows - 2) * LEGEND_ROW


def broken_name(name: str) -> str:
    """A long name on two lines; what is longer still ends in an ellipsis."""
    lines = textwrap.wrap(name, _NAME_CHARACTERS, max_lines=2, placeholder=" …")
    return "\n".join(lines)
