# SPDX-License-Identifier: Apache-2.0
"""What a report says of a student's confidence: what was found, or what to do."""

from typing import Any

import pytest

from dixtill_hf.reporting.answering import answering_sentences

FOUND: dict[str, Any] = {
    "temperature": 1.25,
    "texts": 860,
    "error_before": 0.061,
    "error_after": 0.023,
    "agreement": 0.97,
    "confidence": 0.95,
    "threshold": {
        "threshold": 0.871,
        "accuracy": 0.97,
        "confidence": 0.95,
        "texts": 430,
        "answered": 301,
        "wrong": 4,
    },
    "unknown_words": 0.043,
    "answers": {"texts": 2388, "answered": 0.7, "agreement": 0.981, "accuracy": 0.93},
    "cascade": {
        "student_accuracy": 0.86,
        "teacher_accuracy": 0.87,
        "curve": [0.86, 0.865, 0.87],
        "forwarded": {"0.99": 0.1, "1.0": 0.5},
    },
}


def test_everything_that_was_found_is_said():
    said = " ".join(answering_sentences({"answering": FOUND}))
    for part in (
        "divided by 1.25", "0.061 before, 0.023 after", "at least 0.871", "97 % of unseen texts",
        "95 % confidence (301 of 430 held-out texts reach it, 4 of them disagree)",
        "70.0 % reach it, and 98.1 % of these agree", "93.0 % are right",
        "10.0 % of the test texts must go to the teacher", "for all of it 50.0 %", "4.3 % of",
    ):  # fmt: skip
        assert part in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"temperature": None, "texts": 80}, "80 held-out texts are too few"),
        ({"threshold": None, "answers": None}, "do not show that the student agrees"),
    ],
)
def test_what_could_not_be_found_is_named_with_what_to_do(changed, said):
    sentences = answering_sentences({"answering": FOUND | changed})
    assert said in " ".join(sentences)
    assert "dixtill-hf calibrate" in " ".join(sentences)


def test_texts_without_labels_and_runs_of_before():
    unlabelled = FOUND | {"cascade": None, "answers": FOUND["answers"] | {"accuracy": None}}
    said = " ".join(answering_sentences({"answering": unlabelled}))
    assert "Cascade" not in said
    assert "are right" not in said
    assert answering_sentences({}) == []
