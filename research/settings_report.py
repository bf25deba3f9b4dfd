# SPDX-License-Identifier: Apache-2.0
"""The tables and the picture of compare_settings.py, drawn from its JSON file only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.experiment import over_seeds
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.plot_style import BAR_COLOUR, CONTROL_COLOUR, SETTINGS, TEACHER_LINE

Row = Mapping[str, Any]

_COLUMNS = {
    "accuracy": ("accuracy", max),
    "macro F1": ("macro_f1", max),
    "agrees with teacher": ("teacher_agreement", max),
    "divergence": ("divergence", min),
    "cosine": ("explanation.cosine", max),
    "sign @3": ("explanation.sign_agreement@3", max),
}
_DRAWN = ("accuracy", "macro F1", "cosine")
_NOTES = """\
Mean ± standard deviation over the seeds. **agrees with teacher**: share of the texts with the
teacher's label. **divergence**: mean KL(teacher ‖ student) in nats. **cosine**, **sign @3**: of the
student's contributions with the teacher's attributions.
"""


def write_report(path: Path) -> Path:
    """Write the report beside the results; returns its path."""
    content = json.loads(path.read_text(encoding="utf-8"))
    picture = path.with_suffix(".png")
    _draw(content["rows"], content["teacher"], picture)
    title = path.stem.replace("_", " ").capitalize()
    parts = [f"# {title}", _circumstances(content), _NOTES]
    panels = ", ".join(_drawn(content["rows"]))
    parts.append(f"![{panels} of every row; the dashed line is the teacher]({picture.name})")
    for group, rows in groupby(content["rows"], key=lambda row: row["group"]):
        parts += [f"## {group}"] if group else []
        parts.append(_table(list(rows)))
    if content["comparisons"]:
        parts += ["## Paired comparisons", _comparisons(content["comparisons"])]
    report = path.with_suffix(".md")
    report.write_text("\n\n".join(part.strip() for part in parts) + "\n", encoding="utf-8")
    return report


def _table(rows: Sequence[Row]) -> str:
    first = [row["students"][0] for row in rows]
    return fmt.table(
        [
            fmt.Column("settings", [fmt.text(row["name"]) for row in rows], numeric=False),
            fmt.Column("seeds", [str(len(row["students"])) for row in rows]),
            *(
                fmt.estimates_column(
                    title, [over_seeds(row["students"], name) for row in rows], best
                )
                for title, (name, best) in _COLUMNS.items()
            ),
            fmt.column("parameters", [one["parameters"] for one in first], fmt.count),
            fmt.column("texts", [one["texts"] for one in first], fmt.count),
        ]
    )


def _draw(rows: Sequence[Row], teacher: Mapping[str, Any], path: Path) -> None:
    """A row for each of the settings: mean and standard deviation over the seeds.

    What others are compared with is grey.
    """
    references = {row["compared_with"] for row in rows}
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(10, 1.2 + 0.28 * len(rows)), layout="constrained")
        drawn = _drawn(rows)
        panels = np.atleast_1d(figure.subplots(1, len(drawn), sharey=True))
        for axes, title in zip(panels, drawn, strict=True):
            name = _COLUMNS[title][0]
            axes.set_title(title)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            if name in teacher:
                axes.axvline(teacher[name], **TEACHER_LINE)
            for place, row in enumerate(rows):
                colour = CONTROL_COLOUR if row["name"] in references else BAR_COLOUR
                _mark(axes, place, row, name, colour)
        panels[0].set_yticks(range(len(rows)), [row["name"] for row in rows])
        panels[0].set_ylim(len(rows) - 0.5, -0.5)
        figure.savefig(path, metadata={"Software": None})


def _drawn(rows: Sequence[Row]) -> list[str]:
    """The panels that any row has a value for: a teacher may not have been asked to explain."""
    return [
        title
        for title in _DRAWN
        if any(over_seeds(row["students"], _COLUMNS[title][0]) is not None for row in rows)
    ]


def _mark(axes: Axes, place: int, row: Row, name: str, colour: str) -> None:
    found = over_seeds(row["students"], name)
    if found is not None:
        axes.errorbar([found.mean], [place], xerr=[found.sd or 0.0], marker="o", color=colour)


def _comparisons(rows: Sequence[Row]) -> str:
    return fmt.table(
        [
            fmt.Column("settings", [fmt.text(row["name"]) for row in rows], numeric=False),
            fmt.Column("against", [fmt.text(row["compared_with"]) for row in rows], numeric=False),
            fmt.Column("", [row["metric"].replace("_f1", " F1") for row in rows], numeric=False),
            fmt.column("difference", [row["difference"] for row in rows], fmt.signed),
            fmt.Column("95 % interval", [_interval(row) for row in rows]),
            fmt.column("p", [row["p_value"] for row in rows], fmt.p_value),
        ]
    )


def _interval(row: Row) -> str:
    return f"[{fmt.signed(row['low'])}, {fmt.signed(row['high'])}]"


def _circumstances(content: Mapping[str, Any]) -> str:
    """What the figures depend on, in a few lines of Markdown."""
    environment, teacher = content["environment"], content["teacher"]
    versions = environment["versions"]
    libraries = ", ".join(f"{name} {versions[name]}" for name in ("torch", "transformers"))
    sizes = content["dataset"]["splits"]
    hardware = environment["accelerator"] or environment["cpu"]
    return (
        f"`{content['command']}`\n\n"
        f"{fmt.counted(sizes['train'], 'training text')}; scored on the {content['split']} split, "
        f"{fmt.counted(teacher['texts'], 'text')}, where the teacher, "
        f"{fmt.text(teacher['name'])}, reaches {fmt.score(teacher['accuracy'])} accuracy and "
        f"{fmt.score(teacher['macro_f1'])} macro F1. {hardware}, "
        f"one thread a student, {libraries}, {environment['date']}."
    )
