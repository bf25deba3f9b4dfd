# SPDX-License-Identifier: Apache-2.0
"""The table and the picture of benchmarks/explainers.py, drawn from explainers.json alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from trials import circumstances, estimates, over_seeds

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.styles import BAR_COLOUR, SETTINGS, TEACHER_LINE

Record = Mapping[str, Any]

_NOTES = """\
- **ms a text**: wall time of the explainer, texts batched, what is done once for a teacher not
  counted. **passes**: evaluations of the teacher for a text; \\* each with a gradient.
- **agreement** (cosine, and @3: the three most important words): with Integrated Gradients at 200
  steps in float32, over words. Explainers without signs are compared with its magnitudes.
- **comprehensiveness** (more is better), **sufficiency** (less is better): what the probability of
  the explained label loses when the most important words are removed, or all others; means over
  1, 5, 10, 20 and 50 % of the words (DeYoung et al., 2020).
- **student**: mean ± standard deviation over seeds on held-out texts. **its cosine**: of its own
  explanations with those of the explainer that taught it; of controls, with Integrated Gradients.
"""


def write_report(path: Path) -> Path:
    """Write the report and the picture beside the results; returns the report's path."""
    content = json.loads(path.read_text(encoding="utf-8"))
    records = dict(sorted(content["records"].items(), key=lambda item: _seconds(item[1])))
    picture = path.with_suffix(".png")
    _draw(records, picture)
    report = path.with_suffix(".md")
    report.write_text(
        "# Which explainer?\n\n"
        f"{circumstances(content)}\n\n"
        f"{table(records)}\n\n{_NOTES}\n"
        f"![Faithfulness and students against cost]({picture.name})\n\n"
        f"{_settings(records)}\n",
        encoding="utf-8",
    )
    return report


def table(records: Mapping[str, Record]) -> str:
    """One row a record, the cheapest explainer first, controls last."""
    rows = list(records.values())

    def students(title: str, name: str) -> fmt.Column:
        return estimates(title, [over_seeds(row.get("students", ()), name) for row in rows])

    return fmt.table(
        [
            fmt.Column("", list(records), numeric=False),
            fmt.Column("ms a text", [_milliseconds(row) for row in rows]),
            fmt.Column("passes", [_passes(row) for row in rows]),
            _scores("cosine", rows, "agreement", "cosine"),
            _scores("feature @3", rows, "agreement", "feature_agreement@3"),
            _scores("sign @3", rows, "agreement", "sign_agreement@3"),
            _scores("comprehensiveness", rows, "faithfulness", "comprehensiveness"),
            _scores("sufficiency", rows, "faithfulness", "sufficiency", best=min),
            students("student: accuracy", "accuracy"),
            students("macro F1", "macro_f1"),
            students("its cosine", "explanation.cosine"),
        ]
    )


def _settings(records: Mapping[str, Record]) -> str:
    """The settings of every explainer, but for those that are left to it."""
    shown = []
    for name, record in records.items():
        given = [
            f"{key}={value}"
            for key, value in record["settings"].items()
            if key != "name" and value is not None
        ]
        shown.append(f"{name} ({', '.join(given)})" if given else name)
    return f"Settings: {'; '.join(shown)}."


def _scores(title: str, rows: list[Record], part: str, name: str, best: Any = max) -> fmt.Column:
    values = [row.get(part, {}).get(name) for row in rows]
    return fmt.Column(title, [fmt.score(value) for value in values], values, best)


def _seconds(record: Record) -> float:
    return record.get("seconds_per_text", float("inf"))


def _milliseconds(record: Record) -> str:
    seconds = record.get("seconds_per_text")
    return fmt.NOTHING if seconds is None else f"{1000 * seconds:.1f}"


def _passes(record: Record) -> str:
    passes = record.get("evaluations_per_text")
    return fmt.NOTHING if passes is None else f"{passes:,.1f}" + r"\*" * record["gradients"]


def _draw(records: Mapping[str, Record], path: Path) -> None:
    """Comprehensiveness and the students' macro F1 against the time of a text."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(9.5, 4.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for axes in (left, right):
            axes.set_xscale("log")
            axes.margins(x=0.25, y=0.15)
            axes.set_xlabel("ms a text (logarithmic)")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        left.set_title("comprehensiveness")
        right.set_title("student: macro F1, mean ± sd")
        for name, record in records.items():
            faithful = record.get("faithfulness", {}).get("comprehensiveness")
            student = over_seeds(record.get("students", ()), "macro_f1")
            if faithful is not None:
                _mark(left, name, record, faithful)
            if student is not None:
                _mark(right, name, record, student.mean, student.sd or 0.0)
        figure.savefig(path, metadata={"Software": None})


def _mark(axes: Axes, name: str, record: Record, value: float, spread: float = 0.0) -> None:
    """A point for an explainer; a line for a control, which has no cost."""
    if "seconds_per_text" not in record:
        axes.axhline(value, **TEACHER_LINE)
        place: dict[str, Any] = {"xy": (1, value), "xycoords": axes.get_yaxis_transform()}
        axes.annotate(name, **place, ha="right", va="bottom", fontsize=8)
        return
    cost = 1000 * record["seconds_per_text"]
    axes.errorbar([cost], [value], yerr=[spread], marker="o", color=BAR_COLOUR)
    axes.annotate(
        name, (cost, value), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=8
    )
