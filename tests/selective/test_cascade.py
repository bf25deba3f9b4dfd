# SPDX-License-Identifier: Apache-2.0
"""A cascade asks where the student is not sure, and its curve is what counting gives."""

import numpy as np
import pytest
import torch

from dixtill_hf.distillation.building import build_student
from dixtill_hf.selective.cascade import Cascade, accuracy_when_forwarding, share_to_forward
from dixtill_hf.student.student import Student

TEXTS = ["up up", "down", "up down", "unknown"]


@pytest.fixture
def student() -> Student:
    torch.manual_seed(0)
    model, tokenizer = build_student(
        ["up up down down"], ["a", "b"], word_vectors="none", hidden_size=4
    )
    torch.nn.init.normal_(model.classifier.weight, std=5)
    return Student(model.eval(), tokenizer)


def test_only_what_the_student_is_not_sure_of_is_asked(student):
    alone = student(TEXTS)
    threshold = sorted(one.probability for one in alone)[2]
    asked = []

    def teacher(texts):
        asked.extend(texts)
        return [[0.1, 0.9]] * len(texts)

    answers = Cascade(student, teacher, threshold)(TEXTS)
    unsure = [one.text for one in alone if one.probability < threshold]
    assert asked == unsure
    assert len(unsure) == 2
    for answer, one in zip(answers, alone, strict=True):
        if one.text in unsure:
            assert (answer.label, answer.probability, answer.answered_by) == ("b", 0.9, "teacher")
            assert answer.explanation.label == "b"
            assert not answer.explanation.answered
        else:
            assert (answer.label, answer.answered_by) == (one.label, "student")
            assert answer.explanation == one


def test_the_students_own_threshold_is_the_default(student):
    with pytest.raises(ValueError, match="no threshold of its own"):
        Cascade(student, lambda texts: [])
    student.model.config.answering = {"threshold": {"threshold": 0.7}, "unknown_words": 0.0}
    cascade = Cascade(student, lambda texts: [[0.5, 0.5]] * len(texts))
    assert cascade.threshold == 0.7
    answered = [one.answered for one in student(TEXTS)]
    assert answered == [one.probability >= 0.7 for one in student(TEXTS)]
    assert [one.answered_by == "student" for one in cascade(TEXTS)] == answered


def test_a_teacher_in_the_library_answers_as_it_does_alone(tiny_teacher_dir, teacher_labels):
    from dixtill_hf.teacher.loading import load_teacher

    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    built = build_student(["up down"] * 2, teacher_labels, word_vectors="none", hidden_size=4)
    student = Student(built[0].eval(), built[1])
    answers = Cascade(student, teacher, threshold=1.0)(TEXTS)
    encoding = teacher.tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = teacher.model(**encoding).logits.softmax(-1)
    assert [one.answered_by for one in answers] == ["teacher"] * 4
    found = [one.probability for one in answers]
    assert found == pytest.approx(expected.max(-1).values.tolist(), abs=1e-6)
    with pytest.raises(ValueError, match="The teacher's labels are"):
        Cascade(Student(*build_student(["up"] * 2, ["x", "y"], word_vectors="none")), teacher, 0.5)


@pytest.mark.parametrize("given", [[[0.5, 0.5]], [[0.5, 0.6]] * 4, [[2.0, -1.0]] * 4])
def test_no_distribution_is_refused(student, given):
    with pytest.raises(ValueError, match=r"The teacher gave|probabilities"):
        Cascade(student, lambda texts: given, 1.0)(TEXTS)


def test_a_threshold_out_of_range_is_refused(student):
    with pytest.raises(ValueError, match=r"threshold must be .* got 1.5"):
        Cascade(student, lambda texts: [], 1.5)


def test_the_curve_counts():
    confidences = [0.9, 0.6, 0.8, 0.7]
    student, teacher = [1, 0, 0, 1], [1, 1, 1, 0]
    curve = accuracy_when_forwarding(confidences, student, teacher)
    # Sent on in the order 1, 3, 2, 0: one gained, one lost, one gained, none.
    np.testing.assert_allclose(curve, [0.5, 0.75, 0.5, 0.75, 0.75])
    assert share_to_forward(curve, 0.5) == 0
    assert share_to_forward(curve, 0.75) == 0.25
    with pytest.raises(ValueError, match=r"the highest is 0.7500"):
        share_to_forward(curve, 0.8)
    with pytest.raises(ValueError, match="expected"):
        accuracy_when_forwarding([], [], [])
