# SPDX-License-Identifier: Apache-2.0
"""What several figures draw alike: means with intervals, values at the edge, legends, names."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dixtill_hf.reporting.measurements import Estimate
from dixtill_hf.reporting.styles import Look

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
    """Lengths below and above the means, as errorbar wants them; 0 where there is no interval."""
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
