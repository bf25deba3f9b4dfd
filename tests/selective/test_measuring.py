# SPDX-License-Identifier: Apache-2.0
"""What is measured of answers and cascade is what counting by hand gives."""

import pytest

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.selective.measuring import measure_answers

STUDENT = [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]]
TEACHER = [[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [0.9, 0.1]]


def test_answers_and_cascade_are_counted():
    found = measure_answers(STUDENT, TEACHER, [0, 1, 1, 0], threshold=0.7)
    assert found["answers"] == {
        "texts": 4,
        "answered": 0.75,
        "agreement": pytest.approx(2 / 3),
        "accuracy": pytest.approx(2 / 3),
    }
    cascade = found["cascade"]
    assert (cascade["student_accuracy"], cascade["teacher_accuracy"]) == (0.5, 1.0)
    assert cascade["curve"][0] == 0.5
    assert cascade["curve"][25] == 0.75  # the second text is the least sure
    assert cascade["curve"][50] == cascade["curve"][100] == 1
    assert cascade["forwarded"] == {"0.99": 0.5, "1.0": 0.5}


def test_texts_without_a_label_count_for_the_agreement_only():
    found = measure_answers(STUDENT, TEACHER, [0, LABEL_UNKNOWN, 1, LABEL_UNKNOWN], threshold=0.7)
    assert found["answers"]["agreement"] == pytest.approx(2 / 3)
    assert found["answers"]["accuracy"] == 1
    assert found["cascade"]["student_accuracy"] == 1
    assert measure_answers(STUDENT, TEACHER, [LABEL_UNKNOWN] * 4, None) == {
        "answers": None,
        "cascade": None,
    }


def test_a_threshold_that_nothing_reaches():
    found = measure_answers(STUDENT, TEACHER, [0, 1, 1, 0], threshold=0.99)
    assert found["answers"]["answered"] == 0
    assert found["answers"]["agreement"] is None
