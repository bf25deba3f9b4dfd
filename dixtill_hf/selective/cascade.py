# SPDX-License-Identifier: Apache-2.0
"""A cascade: the student answers what it is sure of, and the teacher answers the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dixtill_hf.data.problem_types import check_single_label
from dixtill_hf.evaluation.classification import checked_probabilities
from dixtill_hf.evaluation.classifiers import predict_probabilities, teacher_classifier
from dixtill_hf.student.explaining import Explanation
from dixtill_hf.student.student import Student
from dixtill_hf.teacher.loading import Teacher


@dataclass(frozen=True)
class CascadeAnswer:
    """The answer to one text, and who gave it.

    Attributes:
        label: The label.
        probability: Its probability, as the one who answered sees it.
        answered_by: "student" or "teacher".
        probabilities: The probability of every label, in the order of the student's.
        explanation: The student's explanation of `label`: which words it sees speak for it.
    """

    label: str
    probability: float
    answered_by: str
    probabilities: tuple[float, ...]
    explanation: Explanation


class Cascade:
    """A student that asks its teacher where it is not sure.

    ```python
    cascade = Cascade(load_student("my-student"), load_teacher("org/teacher", student.labels))
    cascade(["Veltara raises its outlook"])[0].answered_by
    ```

    Attributes:
        student: The student.
        threshold: The least probability of an answer of its own.
    """

    def __init__(
        self,
        student: Student,
        teacher: Teacher | Callable[[list[str]], ArrayLike],
        threshold: float | None = None,
    ) -> None:
        """Put a student before its teacher.

        Args:
            student: The student.
            teacher: Its teacher, or a function from texts to probabilities `(texts, labels)` in the
                order of the student's labels, such as a call of an endpoint.
            threshold: The least probability of the student's own answer, in [0, 1]. Default: that
                of `student.model.config.answering`, which `calibrate` finds.

        Raises:
            ValueError: The threshold is out of its range, none is given and the student has none,
                the teacher has other labels, or the student does not give a text one label.
        """
        check_single_label(student.model.config, "A cascade")
        if threshold is None:
            threshold = student.model.config.answer_threshold
            if not threshold:
                raise ValueError(
                    "The student has no threshold of its own: give one, or find it with "
                    "calibrate(...)."
                )
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be at least 0 and at most 1, got {threshold}.")
        if isinstance(teacher, Teacher) and list(teacher.labels) != student.labels:
            raise ValueError(
                f"The teacher's labels are {', '.join(teacher.labels)}, the student's "
                f"{', '.join(student.labels)}: load the teacher with "
                "load_teacher(..., student.labels)."
            )
        self.student = student
        self.threshold = threshold
        self._teacher = _probabilities_of(teacher) if isinstance(teacher, Teacher) else teacher

    def __call__(self, texts: Sequence[str], batch_size: int = 64) -> list[CascadeAnswer]:
        """Answer texts.

        Args:
            texts: The texts.
            batch_size: Texts that go through the student at once. Default 64.

        Returns:
            One answer per text.

        Raises:
            TypeError: `texts` is one string.
            ValueError: The teacher did not give one probability distribution a text.
        """
        explanations = self.student.explain(texts, batch_size=batch_size)
        confidences = [e.probabilities[e.label] for e in explanations]
        answers = [
            CascadeAnswer(e.label, confidence, "student", tuple(e.probabilities.values()), e)
            for e, confidence in zip(explanations, confidences, strict=True)
        ]
        unsure = [i for i, confidence in enumerate(confidences) if confidence < self.threshold]
        if not unsure:
            return answers
        asked = [texts[i] for i in unsure]
        probabilities = self._ask(asked)
        labels = [self.student.labels[label] for label in probabilities.argmax(-1)]
        explained = self.student.explain(asked, labels, batch_size)
        for i, label, row, explanation in zip(
            unsure, labels, probabilities, explained, strict=True
        ):
            explanation = replace(explanation, answered=False)
            answers[i] = CascadeAnswer(
                label, float(row.max()), "teacher", tuple(row.tolist()), explanation
            )
        return answers

    def _ask(self, texts: list[str]) -> NDArray[np.float64]:
        """The teacher's probabilities, checked."""
        given = np.asarray(self._teacher(texts), dtype=float)
        if given.shape != (len(texts), len(self.student.labels)):
            raise ValueError(
                f"The teacher gave an array of shape {given.shape} for {len(texts)} texts and "
                f"{len(self.student.labels)} labels: expected one row a text, one column a label."
            )
        return checked_probabilities(given, np.zeros(len(texts), dtype=int))[0]


def _probabilities_of(teacher: Teacher) -> Callable[[list[str]], NDArray[np.float64]]:
    return partial(predict_probabilities, teacher_classifier(teacher))


def accuracy_when_forwarding(
    confidences: ArrayLike, student_right: ArrayLike, teacher_right: ArrayLike
) -> NDArray[np.float64]:
    """Accuracy of a cascade for every number of texts that go to the teacher.

    The texts of which the student is least sure go first.

    Args:
        confidences: The student's probability of its prediction, shape `(texts,)`.
        student_right: Whether its prediction is right, shape `(texts,)`.
        teacher_right: Whether the teacher's is, shape `(texts,)`.

    Returns:
        Shape `(texts + 1,)`: entry n is the accuracy if n texts are sent on.

    Raises:
        ValueError: The shapes do not match, or there is no text.
    """
    confidences = np.asarray(confidences, dtype=float)
    student, teacher = np.asarray(student_right, dtype=int), np.asarray(teacher_right, dtype=int)
    shapes = confidences.shape, student.shape, teacher.shape
    if confidences.ndim != 1 or not len(confidences) or len(set(shapes)) > 1:
        raise ValueError(
            f"got shapes {', '.join(map(str, shapes))}: expected (texts,) three times, with at "
            "least one text."
        )
    order = np.argsort(confidences, kind="stable")
    gained = np.cumsum((teacher - student)[order])
    return (student.sum() + np.concatenate([[0], gained])) / len(student)


def share_to_forward(accuracies: ArrayLike, wanted: float) -> float:
    """The smallest share of texts that must go to the teacher for an accuracy.

    Args:
        accuracies: From `accuracy_when_forwarding`.
        wanted: The accuracy, at most the last of them.

    Returns:
        The share, in [0, 1].

    Raises:
        ValueError: No share reaches the accuracy.
    """
    accuracies = np.asarray(accuracies, dtype=float)
    reached = np.flatnonzero(accuracies >= wanted - 1e-12)
    if not len(reached):
        raise ValueError(
            f"No share of forwarded texts gives an accuracy of {wanted}: the highest is "
            f"{accuracies.max():.4f}."
        )
    return float(reached[0] / (len(accuracies) - 1))
