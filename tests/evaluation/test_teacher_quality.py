# SPDX-License-Identifier: Apache-2.0
"""A teacher against people and against a sure student, and what more texts would bring."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.distillation.building import build_student
from dixtill_hf.evaluation.teacher_quality import (
    compare_with_people,
    find_contradictions,
    gain_of_doubling,
    learning_curve,
)
from dixtill_hf.student.student import Student

NAMES = ["bad", "good"]


def annotated(labels: list[int], teacher: list[int]) -> Dataset:
    logits = [[2.0 * (said == 0), 2.0 * (said == 1)] for said in teacher]
    data = Dataset.from_dict(
        {
            "text": [f"text {i}" for i in range(len(labels))],
            "label": labels,
            "teacher_logits": logits,
        }
    )
    return data.cast_column("label", ClassLabel(names=NAMES))


def test_only_texts_with_a_label_by_people_count() -> None:
    found = compare_with_people(annotated([0, 0, 1, 1, LABEL_UNKNOWN], [0, 1, 1, 1, 0]))
    assert (found.texts, found.accuracy) == (4, 0.75)
    assert found.confusions == [[1, 1], [0, 2]]
    assert found.recall == [0.5, 1.0]
    assert found.precision == [1.0, pytest.approx(2 / 3)]
    sure = np.exp(2) / (1 + np.exp(2))
    assert found.calibration_error == pytest.approx(sure - 0.75)
    assert "| bad | 1.000 | 0.500 | 0.667 | 1 | 1 |" in found.table()
    with pytest.raises(ValueError, match="No text has a label"):
        compare_with_people(annotated([LABEL_UNKNOWN], [0]))


def test_contradictions_are_those_of_a_sure_student() -> None:
    student = Student(
        *build_student(["text one two text one two"], NAMES, word_vectors="none", hidden_size=4)
    )
    student.model.eval()
    data = annotated([0] * 6, [0, 1] * 3)
    explained = student.explain(data["text"][:])
    expected = [
        row for row, one in enumerate(explained) if one.label != NAMES[row % 2] and one.probability
    ]
    found = find_contradictions(data, student, least_probability=0.01)
    assert sorted(one.row for one in found) == expected
    assert all(one.teacher != one.student for one in found)
    assert [one.probability for one in found] == sorted(
        (o.probability for o in found), reverse=True
    )
    assert find_contradictions(data, student, least_probability=0.999) == []
    with pytest.raises(ValueError, match="least_probability must be"):
        find_contradictions(data, student, least_probability=1)


def test_a_curve_holds_the_texts_of_the_points_before() -> None:
    seen: list[set[str]] = []

    def score(part: Dataset) -> float:
        seen.append(set(part["text"]))
        return float(np.log2(len(part)))

    curve = learning_curve(annotated([0] * 16, [0] * 16), score, (0.25, 0.5, 1))
    assert curve.texts == [4, 8, 16]
    assert curve.doubled == 1
    assert seen[0] < seen[1] < seen[2]
    assert gain_of_doubling([10, 40], [0.5, 0.7]) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="ascending"):
        learning_curve(annotated([0], [0]), score, (1, 0.5))
