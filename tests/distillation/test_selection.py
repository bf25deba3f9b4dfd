# SPDX-License-Identifier: Apache-2.0
"""Texts are chosen by what the student does not know; rounds keep to the budget."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.selection import (
    REMOVED_WORDS,
    SELECTIONS,
    ask_for_corrections,
    select_for_teacher,
    steps_to_change,
    teach_in_rounds,
)
from dixtill_hf.student.student import Student
from dixtill_hf.teacher.function import FunctionTeacher
from dixtill_hf.teacher.prompted.asking import LabelAsker


@pytest.fixture
def student(sentences: list[str]) -> Student:
    return Student(*build_student(sentences, ["a", "b", "c"], word_vectors="none", hidden_size=4))


@pytest.mark.parametrize("by", SELECTIONS)
def test_a_choice_is_of_different_texts_and_the_same_again(
    by: str, student: Student, sentences: list[str]
) -> None:
    chosen = select_for_teacher(sentences, student, 5, by)
    assert len(set(chosen)) == 5
    assert chosen == select_for_teacher(sentences, student, 5, by)
    assert sorted(select_for_teacher(sentences, student, 99, by)) == list(range(12))


def test_the_most_even_and_the_nearest_come_first(student: Student, sentences: list[str]) -> None:
    probabilities = np.array(
        [list(one.probabilities.values()) for one in student.explain(sentences)]
    )
    entropy = -(probabilities * np.log(probabilities)).sum(1)
    assert select_for_teacher(sentences, student, 1, "entropy") == [int(entropy.argmax())]
    ordered = np.sort(probabilities, 1)
    margin = ordered[:, -1] - ordered[:, -2]
    assert select_for_teacher(sentences, student, 1, "margin") == [int(margin.argmin())]


def test_steps_to_change_take_the_largest_contributions_away(
    student: Student, sentences: list[str]
) -> None:
    explained = student.explain(sentences)
    steps = steps_to_change(student, explained)
    for one, step in zip(explained, steps, strict=True):
        text = one.text
        for number, place in enumerate(np.argsort(-np.array(one.scores))[:REMOVED_WORDS], 1):
            first, end = one.spans[place]
            text = text[:first] + " " * (end - first) + text[end:]
            assert (student(text).label == one.label) or step <= number
            if step == number:
                assert student(text).label != one.label
    chosen = select_for_teacher(sentences, student, 12, "explanation_instability")
    assert [steps[row] for row in chosen] == sorted(steps)


def test_mistakes_are_named(student: Student, sentences: list[str]) -> None:
    with pytest.raises(ValueError, match="Did you mean 'margin'"):
        select_for_teacher(sentences, student, 2, "margins")
    with pytest.raises(ValueError, match="needs a student"):
        select_for_teacher(sentences, None, 2, "entropy")
    with pytest.raises(ValueError, match="budget must be at least 1"):
        select_for_teacher(sentences, student, 0)
    with pytest.raises(ValueError, match="rounds must be 1 to the budget"):
        teach_in_rounds(Dataset.from_dict({}), Dataset.from_dict({}), "t", ".", budget=2, rounds=3)


@pytest.mark.slow
def test_rounds_ask_for_no_more_than_the_budget(
    sentences: list[str], teacher_labels: list[str], tmp_path: Path
) -> None:
    asked: set[str] = set()

    def answer(texts: list[str]) -> np.ndarray:
        asked.update(texts)
        return np.array([[2.0 * ("fell" in one), len(one) % 3, 0.5] for one in texts])

    texts = Dataset.from_dict({"text": [f"{one} {i}" for i in range(3) for one in sentences]})
    validation = Dataset.from_dict({"text": [f"{one} held out" for one in sentences]})
    teacher = FunctionTeacher(answer, teacher_labels, key="rule 1")
    call: Callable[[], Student] = lambda: teach_in_rounds(  # noqa: E731
        texts,
        validation,
        teacher,
        tmp_path,
        budget=9,
        rounds=2,
        by="margin",
        explainer="none",
        method="kl",
        label_names=teacher_labels,
        word_vectors="none",
        variants=0,
        num_train_epochs=1,
        use_cpu=True,
    )
    student = call()
    assert student.labels == teacher_labels
    assert len(asked & set(texts["text"])) == 9
    before = len(asked)
    call()
    assert len(asked) == before


def test_the_teacher_sees_what_the_student_says_and_why(
    student: Student, sentences: list[str], tmp_path: Path
) -> None:
    asked: list[str] = []

    class Talker:
        def generate(self, prompts: list[str]) -> list[str]:
            asked.extend(prompts)
            return ["good"]

    asker = LabelAsker(
        Talker(),
        ["a", "b", "c"],
        "Judge it.",
        key="m",
        directory=tmp_path,
        samples=1,
        workers=1,
        verbalizers={"a": "good", "b": "bad", "c": "so so"},
    )
    asker.ask(sentences[:1])
    (found,) = ask_for_corrections(sentences[:1], student, asker)
    said = student(sentences[0]).label
    assert f"A small model says {asker.prompt.answer_for(said)} because of the words" in asked[1]
    assert found.logits.argmax() == 0
    assert len(asked) == 2  # an answer with a note is another one
    ask_for_corrections(sentences[:1], student, asker)
    assert len(asked) == 2
