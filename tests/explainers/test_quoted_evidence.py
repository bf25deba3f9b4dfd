# SPDX-License-Identifier: Apache-2.0
"""Quotes become signed scores of words, weighted by how many answers agree."""

from collections.abc import Callable

import pytest
from datasets import Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.data.quotes import Quote
from dixtill_hf.explainers.quoted_evidence import score_words
from dixtill_hf.teacher.loading import Teacher

TEXT = "Shares fell after a strong quarter"


def scores(answers: list[list[Quote]], label: str | None = "bearish") -> dict[str, float]:
    spans, found = score_words(TEXT, answers, label)
    words = [TEXT[start:end] for start, end in spans]
    return {word: float(score) for word, score in zip(words, found, strict=True) if score}


def test_the_sign_is_that_of_the_label_argued_for() -> None:
    quotes = [Quote("fell"), Quote("shares", "Bearish"), Quote("strong quarter", "bullish")]
    assert scores([quotes]) == {"fell": 1, "Shares": 1, "strong": -1, "quarter": -1}


def test_the_weight_is_the_share_of_answers_that_agree() -> None:
    assert scores([[Quote("fell")], [Quote("fell"), Quote("Shares")], [], []]) == {
        "fell": 0.5,
        "Shares": 0.25,
    }


def test_a_word_counts_once_in_an_answer() -> None:
    assert scores([[Quote("fell"), Quote("fell after"), Quote("strong", "x")]]) == {
        "fell": 1,
        "after": 1,
        "strong": -1,
    }


def test_a_dataset_with_quotes_is_annotated(
    simple_teacher: Callable[..., Teacher], tmp_path: object
) -> None:
    data = Dataset.from_dict({"text": [TEXT, TEXT + "."], "why": [["fell"], None]})
    found = annotate(data, simple_teacher(), "quoted_evidence", quotes="why", cache_dir=tmp_path)
    assert found["teacher_attributions"][0] == [0, 1, 0, 0, 0, 0]
    assert not any(found["teacher_attributions"][1])
    with pytest.raises(ValueError, match=r"\['teacher_quotes'\] are missing"):
        annotate(data, simple_teacher(), "quoted_evidence", cache_dir=tmp_path)
    wrong = data.remove_columns("why").add_column("why", [[1], [2]])
    with pytest.raises(ValueError, match="The column 'why', of the text 'Shares fell"):
        annotate(wrong, simple_teacher(), "quoted_evidence", quotes="why", cache_dir=tmp_path)
