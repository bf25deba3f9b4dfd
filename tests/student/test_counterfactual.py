# SPDX-License-Identifier: Apache-2.0
"""Counterfactuals are real (the words are removed), minimal by brute force, and refused clearly."""

from itertools import combinations

import pytest
import torch

from dixtill_hf.distillation.building import build_student
from dixtill_hf.student import counterfactual
from dixtill_hf.student.student import Student

WORDS = ["red", "green", "blue", "dark", "light", "pale"]


@pytest.fixture(scope="module")
def student() -> Student:
    torch.manual_seed(5)
    model, tokenizer = build_student(
        [" ".join(WORDS)] * 2, ["a", "b", "c"], word_vectors="none", hidden_size=8
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    return Student(model.eval(), tokenizer)


def labels_without(student: Student, text: str, found) -> set[str]:
    """What the student says of the text without each smaller set of its words."""
    spans = student(text).spans
    said = set()
    for size in range(len(found.words)):
        for removed in combinations(spans, size):
            shorter = list(text)
            for first, end in removed:
                shorter[first:end] = " " * (end - first)
            said.add(student("".join(shorter)).label)
    return said


def test_it_changes_the_label_and_no_smaller_set_does(student):
    changed = 0
    for words in combinations(WORDS, 4):
        text = " ".join(words)
        found = student.counterfactual(text)
        if found is None:
            continue
        changed += 1
        assert found.label == student(text).label
        assert found.new_label == student(found.new_text).label != found.label
        assert [text[first:end] for first, end in found.spans] == found.words
        assert found.fewest
        assert labels_without(student, text, found) == {found.label}
    assert changed > 3


def test_grown_sets_are_real_and_need_each_of_their_words(student, monkeypatch):
    monkeypatch.setattr(counterfactual, "_MOST_SETS", 1)
    grown = 0
    for words in combinations(WORDS, 5):
        found = student.counterfactual(" ".join(words))
        if found is None:
            continue
        grown += 1
        assert student(found.new_text).label == found.new_label != found.label
        for kept in found.spans:  # with any one of its words back, the label comes back
            shorter = list(found.new_text)
            shorter[kept[0] : kept[1]] = found.text[kept[0] : kept[1]]
            assert student("".join(shorter)).label == found.label
    assert grown > 1


def test_a_text_without_words_and_a_limit(student):
    assert student.counterfactual("  ") is None
    with pytest.raises(ValueError, match="most_words must be at least 1, got 0"):
        student.counterfactual("red", most_words=0)


def test_it_is_readable(student):
    texts = (" ".join(words) for words in combinations(WORDS, 4))
    found = next(one for text in texts if (one := student.counterfactual(text)) is not None)
    assert str(found) == (
        f"{found.label} becomes {found.new_label} without {', '.join(map(repr, found.words))}"
    )


def test_unknown_words_are_counted(student):
    assert student.unknown_words(["red violet", "blue"]) == pytest.approx(1 / 3)
    assert student.unknown_words([]) == student.unknown_words([" "]) == 0
