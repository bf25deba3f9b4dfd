# SPDX-License-Identifier: Apache-2.0
"""The tables of benchmarks/settings.py, drawn from its JSON file alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from trials import over_seeds

from dixtill_hf.reporting import formatting as fmt

Row = Mapping[str, Any]

_COLUMNS = {
    "accuracy": ("accuracy", max),
    "macro F1": ("macro_f1", max),
    "agrees with teacher": ("teacher_agreement", max),
    "divergence": ("divergence", min),
    "cosine": ("explanation.cosine", max),
    "sign @3": ("explanation.sign_agreement@3", max),
}
_NOTES = """\
Mean ± standard deviation over the seeds. **agrees with teacher**: share of the texts with the
teacher's label. **divergence**: mean KL(teacher ‖ student) in nats. **cosine**, **sign @3**: of the
student's contributions with the teacher's attributions.
"""


def write_report(path: Path) -> Path:
    """Write the report beside the results; returns its path."""
    content = json.loads(path.read_text(encoding="utf-8"))
    parts = ["# Students of other settings", _circumstances(content), _NOTES]
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
            fmt.column("s", [_mean_seconds(row) for row in rows], fmt.count),
        ]
    )


def _comparisons(rows: Sequence[Row]) -> str:
    return fmt.table(
        [
            fmt.Column("settings", [fmt.text(row["name"]) for row in rows], numeric=False),
            fmt.Column("against", [fmt.text(row["against"]) for row in rows], numeric=False),
            fmt.Column("", [row["metric"].replace("_f1", " F1") for row in rows], numeric=False),
            fmt.column("difference", [row["difference"] for row in rows], fmt.signed),
            fmt.Column("95 % interval", [_interval(row) for row in rows]),
            fmt.column("p", [row["p_value"] for row in rows], fmt.p_value),
        ]
    )


def _interval(row: Row) -> str:
    return f"[{fmt.signed(row['low'])}, {fmt.signed(row['high'])}]"


def _mean_seconds(row: Row) -> float:
    return sum(student["seconds"] for student in row["students"]) / len(row["students"])


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
