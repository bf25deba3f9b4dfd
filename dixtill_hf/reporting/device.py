# SPDX-License-Identifier: Apache-2.0
"""The report's chapter on the student in integers: what each form of it weighs and loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullLocator

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.formatting import Column
from dixtill_hf.reporting.measurements import Series, display_name
from dixtill_hf.reporting.plot_style import METHOD_COLOURS, WIDTH, series_look

_FORMS = {"8": "8 bits", "4": "4 bits", "pq": "product-quantised"}
_HEIGHT = 3.2
_ALL_TEXTS = 102  # per cent: all of them, and room for a marker


def device_section(metrics: Mapping[str, Any]) -> dict[str, str]:
    """What the chapter says: `student`, `table` and `refused`; empty if nothing was measured."""
    device = metrics.get("device")
    if not device:
        return {}
    name = display_name(device["method"], device["preset"], several=False)
    student = f"{fmt.text(name)}, seed {device['seed']}"
    if "refused" in device:
        return {"student": student, "refused": fmt.text(device["refused"]), "table": ""}
    return {"student": student, "refused": "", "table": _table(device)}


def _table(device: Mapping[str, Any]) -> str:
    forms = device["forms"]
    columns = [
        Column("form", ["as trained", *(_FORMS[form["bits"]] for form in forms)], numeric=False),
        Column("bytes", [fmt.count(n) for n in _values(device, "bytes", "trained_bytes")]),
    ]
    for title, key in (("macro F1", "macro_f1"), ("mean absolute error", "mean_absolute_error")):
        if key in forms[0]:
            values = [forms[0][f"float_{key}"], *(form[key] for form in forms)]
            columns.append(Column(title, [f"{value:.4f}" for value in values]))
    for title, key in (
        ("same labels", "same_label"),
        ("correlation of the outputs", "correlation"),
        ("same three most important words", "same_top3"),
        ("cosine of the explanations", "cosine"),
    ):
        if key in forms[0]:
            write = fmt.percent if key.startswith("same") else "{:.4f}".format
            columns.append(Column(title, [fmt.NOTHING, *(write(form[key]) for form in forms)]))
    return fmt.table(columns)


def _values(device: Mapping[str, Any], key: str, trained: str) -> list[float]:
    return [device[trained], *(form[key] for form in device["forms"])]


def device_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """Macro F1 and agreement of the three most important words against bytes."""
    device = metrics.get("device") or {}
    forms = sorted(device.get("forms") or [], key=lambda form: form["bytes"])
    if not forms or "macro_f1" not in forms[0]:
        return None
    figure = Figure(figsize=(WIDTH, _HEIGHT), layout="constrained")
    quality, words = figure.subplots(1, 2)
    look = {"color": METHOD_COLOURS.get(device["method"], METHOD_COLOURS["dixtill"])}
    sizes = [form["bytes"] for form in forms]
    _draw_forms(quality, sizes, [form["macro_f1"] for form in forms], look)
    _draw_forms(words, sizes, [100 * form["same_top3"] for form in forms], look)
    trained = [device["trained_bytes"]], [forms[0]["float_macro_f1"]]
    quality.plot(*trained, "*", markersize=12, label="as trained", **look)
    for one in series:
        found = one.estimate("macro_f1")
        if one.method == "bag_of_words" and found and one.mean("bytes"):
            marker = series_look(one, series) | {"linestyle": "none"}
            quality.plot([one.mean("bytes")], [found.mean], label=one.name, **marker)
    quality.set(title="macro F1", xlabel="bytes (logarithmic)", xscale="log")
    words.set(title="same three words, % of texts", xlabel="bytes")
    quality.legend()
    for axes in (quality, words):
        axes.margins(x=0.15, y=0.2)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(EngFormatter(unit="B"))
    lowest, highest = words.get_ylim()
    words.set_ylim(lowest, min(highest, _ALL_TEXTS))
    return figure


def _draw_forms(
    axes: Axes, sizes: Sequence[float], values: Sequence[float], look: Mapping[str, Any]
) -> None:
    axes.plot(sizes, values, marker="o", label="in integers", **look)
