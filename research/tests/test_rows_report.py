# SPDX-License-Identifier: Apache-2.0
"""The table has the means of each row, and differences of the seeds that both rows have."""

import numpy as np

from research.rows_report import rows_table, scores

LABELS = [0, 1] * 50


def student(predicted):
    return {**scores(LABELS, np.array(predicted), np.array(LABELS)), "predicted": predicted}


def test_scores_are_those_of_the_labels_and_the_teacher():
    found = scores([0, 0, 1, 1], np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]))
    assert found["accuracy"] == 0.75
    assert found["agreement"] == 0.75
    assert abs(found["macro_f1"] - (2 / 3 + 4 / 5) / 2) < 1e-12


def test_rows_are_compared_on_the_seeds_that_both_have():
    right, wrong = LABELS, [1 - label for label in LABELS]
    rows = {"first": [student(right), student(wrong)], "second": [student(right)]}
    lines = rows_table(rows, {**student(right), "labels": LABELS}, "first").splitlines()
    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == [
        *("first", "2", "0.500", "0.500", "0.500", "")
    ]
    assert lines[4].split("|")[-2].strip() == "+0.0 [+0.0, +0.0]"
