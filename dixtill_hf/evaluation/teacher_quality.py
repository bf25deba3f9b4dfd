# SPDX-License-Identifier: Apache-2.0
"""Whether a teacher is good enough: against people's labels, and against a confident student."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import ArrayLike
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN, TEACHER_LOGITS
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.evaluation.classification import calibration_error, softmax
from dixtill_hf.student.student import Student


@dataclass(frozen=True)
class TeacherQuality:
    """A teacher's labels against people's.

    Attributes:
        labels: Names of the labels.
        texts: Texts with a label by people.
        accuracy: Share of them on which the teacher agrees.
        precision: Precision of each label, `(labels,)`.
        recall: Recall of each label, `(labels,)`.
        f1: F1 of each label, `(labels,)`.
        confusions: Texts by people's label (rows) and the teacher's (columns), `(labels, labels)`.
        calibration_error: Expected calibration error of the teacher's probabilities.
    """

    labels: list[str]
    texts: int
    accuracy: float
    precision: list[float]
    recall: list[float]
    f1: list[float]
    confusions: list[list[int]]
    calibration_error: float

    def table(self) -> str:
        """A Markdown table: one row for each label of people."""
        names = " | ".join(self.labels)
        lines = [
            f"Accuracy {self.accuracy:.3f} on {self.texts} texts, calibration error "
            f"{self.calibration_error:.3f}.",
            "",
            f"| people's label | precision | recall | F1 | {names} |",
            "| --- |" + " --- |" * (3 + len(self.labels)),
        ]
        for row, name in enumerate(self.labels):
            scores = (self.precision[row], self.recall[row], self.f1[row])
            shown = " | ".join(f"{score:.3f}" for score in scores)
            counts = " | ".join(map(str, self.confusions[row]))
            lines.append(f"| {name} | {shown} | {counts} |")
        return "\n".join([*lines, ""])


def compare_with_people(annotated: Dataset) -> TeacherQuality:
    """Compare a teacher's labels with those of people, on the texts that have one.

    Args:
        annotated: As `annotate` returns it, with people's labels in `label`.

    Raises:
        ValueError: No text has a label by people.
    """
    labels = np.asarray(annotated[LABEL])
    known = labels != LABEL_UNKNOWN
    if not known.any():
        raise ValueError("No text has a label by people: label some, a hundred or more.")
    names = label_names(annotated)
    probabilities = softmax(np.asarray(annotated[TEACHER_LOGITS]))[known]
    right, said = labels[known], probabilities.argmax(-1)
    places = list(range(len(names)))
    precision, recall, f1, _ = precision_recall_fscore_support(
        right, said, labels=places, zero_division=0
    )
    return TeacherQuality(
        names,
        int(known.sum()),
        float((right == said).mean()),
        precision.tolist(),
        recall.tolist(),
        f1.tolist(),
        confusion_matrix(right, said, labels=places).tolist(),
        calibration_error(probabilities, right),
    )


@dataclass(frozen=True)
class Contradiction:
    """A text on which a confident student contradicts its teacher.

    Attributes:
        row: Its row in the dataset.
        text: The text.
        teacher: The teacher's label.
        student: The student's label.
        probability: The student's probability of its label.
        words: The words that decided for the student, those with the largest contributions first.
    """

    row: int
    text: str
    teacher: str
    student: str
    probability: float
    words: list[str]


def find_contradictions(
    annotated: Dataset, student: Student, least_probability: float = 0.9, words: int = 5
) -> list[Contradiction]:
    """The texts on which a confident student contradicts its teacher: often the teacher's mistakes.

    A student has seen many similar texts and cannot remember single ones; where it is sure of
    another label than its teacher's, look at the text.

    Args:
        annotated: As `annotate` returns it.
        student: A student that learned from this teacher.
        least_probability: Least probability of the student's label, above 0 and below 1.
        words: Most words that are named.

    Returns:
        Those of which the student is surest at the beginning.

    Raises:
        ValueError: `least_probability` or `words` is out of range.
    """
    if not 0 < least_probability < 1 or words < 1:
        raise ValueError(
            "least_probability must be above 0 and below 1, and words at least 1, got "
            f"{least_probability} and {words}."
        )
    said = np.asarray(annotated[TEACHER_LOGITS]).argmax(-1)
    found = []
    for row, one in enumerate(student.explain(texts_of(annotated))):
        teacher = student.labels[said[row]]
        sure = one.probability  # None in a regression, which has no labels
        if sure is None or one.label == teacher or sure < least_probability:
            continue
        deciding = one.deciding_words(words)
        found.append(Contradiction(row, one.text, teacher, one.label, sure, deciding))
    return sorted(found, key=lambda one: -one.probability)


@dataclass(frozen=True)
class LearningCurve:
    """What students reach with more and more of the texts.

    Attributes:
        texts: Numbers of training texts.
        scores: What a student of each number reached.
        doubled: What twice as many texts as there are would bring, by the last doubling: an
            estimate, which flatters where the curve bends.
    """

    texts: list[int]
    scores: list[float]
    doubled: float


def learning_curve(
    train: Dataset,
    score: Callable[[Dataset], float],
    shares: Sequence[float] = (0.125, 0.25, 0.5, 1.0),
    seed: int = 0,
) -> LearningCurve:
    """Train students on more and more texts: would twice as many help?

    Args:
        train: The annotated training texts.
        score: From training texts to what a student of them reaches, such as its accuracy on the
            validation texts.
        shares: Shares of the texts, ascending; each set holds the ones before.
        seed: Seed of their order.

    Raises:
        ValueError: The shares are not ascending, from above 0 to 1, or are fewer than two.
    """
    given = list(shares)
    if len(given) < 2 or given != sorted(set(given)) or given[0] <= 0 or given[-1] > 1:
        raise ValueError(f"shares must be two or more ascending numbers in (0, 1], got {given}.")
    order = np.random.default_rng(seed).permutation(len(train))
    counts = [max(1, round(share * len(train))) for share in given]
    scores = [float(score(train.select(order[:count]))) for count in counts]
    return LearningCurve(counts, scores, gain_of_doubling(counts, scores))


def gain_of_doubling(texts: ArrayLike, scores: ArrayLike) -> float:
    """The gain of the last two points of a curve, for a doubling of the texts.

    Args:
        texts: Numbers of texts, ascending, at least two.
        scores: The score of each.
    """
    numbers: Any = np.asarray(texts, float)
    values: Any = np.asarray(scores, float)
    return float((values[-1] - values[-2]) / np.log2(numbers[-1] / numbers[-2]))
