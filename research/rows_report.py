# SPDX-License-Identifier: Apache-2.0
"""What studies of several students on held-out texts share: their scores, and the table of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score

from dixtill_hf.evaluation.significance import paired_bootstrap
from dixtill_hf.reporting import formatting as fmt

# The students of a row, each with `accuracy`, `macro_f1`, `agreement` and `predicted`.
Students = Sequence[Mapping[str, Any]]


def scores(
    labels: Sequence[int], predicted: NDArray[np.integer], teacher: NDArray[np.integer]
) -> dict[str, float]:
    """Accuracy and macro F1 of predicted labels, and how often they are the teacher's.

    Args:
        labels: The right labels, `(texts,)`.
        predicted: The predicted ones, `(texts,)`.
        teacher: Those that the teacher predicts, `(texts,)`.
    """
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro")),
        "agreement": float((predicted == teacher).mean()),
    }


def measured_with(environment: Mapping[str, Any]) -> str:
    """Processor, versions and date, as a sentence."""
    versions = ", ".join(f"{n} {environment['versions'][n]}" for n in ("torch", "transformers"))
    return f"{environment['cpu']}, {versions}, {environment['date']}."


def rows_table(
    rows: Mapping[str, Students],
    teacher: Mapping[str, Any],
    baseline: str,
    further: Sequence[fmt.Column] = (),
) -> str:
    """A Markdown table with the teacher, and the mean of the students of each row.

    Args:
        rows: Students by the name of their row.
        teacher: The teacher's `accuracy`, `macro_f1` and `agreement`, and the `labels`.
        baseline: Name of the row that the others are compared with.
        further: Columns that follow the number of seeds; one cell for the teacher and each row.
    """
    columns = [fmt.Column("student", ["teacher", *rows], numeric=False)]
    columns.append(fmt.Column("seeds", ["", *(str(len(students)) for students in rows.values())]))
    columns += further
    for figure in ("accuracy", "macro_f1", "agreement"):
        means = [np.mean([student[figure] for student in students]) for students in rows.values()]
        cells = [fmt.score(float(value)) for value in (teacher[figure], *means)]
        columns.append(fmt.Column(figure.replace("_", " "), cells))
    differences = [_difference(rows, name, baseline, teacher["labels"]) for name in rows]
    columns.append(fmt.Column(f"macro F1 over {baseline}", ["", *differences]))
    return fmt.table(columns)


def _difference(
    rows: Mapping[str, Students], name: str, baseline: str, labels: Sequence[int]
) -> str:
    """The difference in points, with its interval, by the paired bootstrap over texts and seeds."""
    if name == baseline or baseline not in rows:
        return ""
    own, other = ([student["predicted"] for student in rows[one]] for one in (name, baseline))
    pairs = min(len(own), len(other))  # seeds that both have
    found = paired_bootstrap(own[:pairs], other[:pairs], labels)
    low, high = 100 * found.low, 100 * found.high
    return f"{100 * found.difference:+.1f} [{low:+.1f}, {high:+.1f}]"
