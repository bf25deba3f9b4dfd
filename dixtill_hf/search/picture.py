# SPDX-License-Identifier: Apache-2.0
"""The picture of a search: macro F1 against bytes and time, with the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

from dixtill_hf.reporting.plot_style import BAR_COLOUR, CONTROL_COLOUR, SETTINGS, TEXT_COLOUR, WIDTH

_MARKERS = {"float32": "o", "8": "s", "4": "D", "pq": "^"}
_NAMES = {"float32": "float32", "8": "8 bits", "4": "4 bits", "pq": "product-quantised"}
_PANELS = (("bytes", "bytes", "B"), ("microseconds", "time of a text", "s"))
_HEIGHT = 3.8


def draw_search(results: Mapping[str, Any], path: Path) -> bool:
    """Draw a search as PNG.

    Args:
        results: Contents of `search.json`.
        path: The file.

    Returns:
        Whether there was a point to draw.
    """
    if not results["points"]:
        path.unlink(missing_ok=True)
        return False
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(WIDTH, _HEIGHT), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (name, title, unit) in zip(panels, _PANELS, strict=True):
            _draw_panel(axes, results, name)
            axes.set(title=title, xscale="log", xlabel=f"{title} (logarithmic)")
            axes.xaxis.set_major_formatter(EngFormatter(unit=unit))
            axes.xaxis.set_minor_formatter(NullFormatter())
        panels[0].set_ylabel("macro F1, validation")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5)
        figure.savefig(path, metadata={"Software": None})
    return True


def _draw_panel(axes: Axes, results: Mapping[str, Any], name: str) -> None:
    factor = 1e-6 if name == "microseconds" else 1.0
    on_front = {point["name"] for point in results["front"]}
    for bits in results["settings"]["bits"]:
        points = [point for point in results["points"] if point["bits"] == bits]
        for front in (False, True):
            shown = [point for point in points if (point["name"] in on_front) is front]
            axes.plot(
                [factor * point[name] for point in shown],
                [point["macro_f1"] for point in shown],
                marker=_MARKERS[bits],
                linestyle="none",
                markersize=7 if front else 5,
                color=BAR_COLOUR if front else CONTROL_COLOUR,
                alpha=1.0 if front else 0.4,
                label=_NAMES[bits] if front else None,
            )
    axes.plot([], [], "o", color=CONTROL_COLOUR, alpha=0.4, label="others")
    limit = results["settings"][f"max_{name}"]
    if limit is not None:
        axes.axvline(factor * limit, color=TEXT_COLOUR, linestyle="--", linewidth=1)
