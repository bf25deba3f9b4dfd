# SPDX-License-Identifier: Apache-2.0
"""The table and the picture of benchmarks/explainers.py, drawn only from explainers.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.experiment import circumstances, estimates, over_seeds
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.plot_style import BAR_COLOUR, SETTINGS, TEACHER_LINE

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


def write_report(path: Path, title: str = "Which explainer?") -> Path:
    """Write the report and the picture beside the results; returns the report's path."""
    content = json.loads(path.read_text(encoding="utf-8"))
    records = dict(sorted(content["records"].items(), key=lambda item: _seconds(item[1])))
    picture = path.with_suffix(".png")
    _draw(records, picture)
    report = path.with_suffix(".md")
    report.write_text(
        f"# {title}\n\n"
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
    """A row for each record: its time, comprehensiveness, and the students' macro F1."""
    with mpl.rc_context(SETTINGS):
        height = 1.2 + 0.28 * len(records)
        figure = Figure(figsize=(9.5, height), layout="constrained")
        time, faithful, student = figure.subplots(1, 3, sharey=True)
        time.set_title("ms a text (logarithmic)")
        time.set_xscale("log")
        time.xaxis.set_major_formatter("{x:g}")
        time.xaxis.set_minor_formatter(NullFormatter())
        faithful.set_title("comprehensiveness")
        student.set_title("student: macro F1 ± sd")
        for row, record in enumerate(records.values()):
            cost = record.get("seconds_per_text")
            _mark(time, row, record, None if cost is None else 1000 * cost)
            _mark(faithful, row, record, record.get("faithfulness", {}).get("comprehensiveness"))
            score = over_seeds(record.get("students", ()), "macro_f1")
            if score is not None:
                _mark(student, row, record, score.mean, score.sd or 0.0)
        faithful.set_xlim(0, 1.1 * faithful.dataLim.xmax)
        exponents = np.log10(time.dataLim.intervalx)
        time.set_xlim(10 ** np.floor(exponents[0]), 10 ** np.ceil(exponents[1]))
        time.set_yticks(range(len(records)), list(records))
        time.set_ylim(len(records) - 0.5, -0.5)
        figure.savefig(path, metadata={"Software": None})


def _mark(axes: Axes, row: int, record: Record, value: float | None, spread: float = 0.0) -> None:
    """A point in the row of an explainer; for a control a line as well, to compare with."""
    if value is None:
        return
    colour = BAR_COLOUR
    if "seconds_per_text" not in record:
        axes.axvline(value, **TEACHER_LINE)
        colour = TEACHER_LINE["color"]
    axes.errorbar([value], [row], xerr=[spread], marker="o", color=colour)
