# SPDX-License-Identifier: Apache-2.0
"""What a threshold and a cascade are worth on texts that nothing was chosen on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.selective.cascade import accuracy_when_forwarding, share_to_forward

# Points of the kept curve: one for each hundredth of the texts.
_POINTS = 101
WANTED = (0.99, 1.0)
"""Shares of the teacher's accuracy for which the texts to send on are counted."""


def measure_answers(
    probabilities: ArrayLike,
    teacher_probabilities: ArrayLike,
    labels: ArrayLike,
    threshold: float | None,
) -> dict[str, Any]:
    """Measure a student's answers, and the cascade with its teacher, on test texts.

    Args:
        probabilities: The calibrated student's, shape `(texts, labels)`.
        teacher_probabilities: The teacher's, same shape.
        labels: The right labels, shape `(texts,)`; -100 where unknown.
        threshold: The student's threshold; None if it has none.

    Returns:
        JSON values: `answers` (None without a threshold): `answered`, the share of texts that reach
        it, `agreement` and `accuracy` among them; and `cascade` (None without a label):
        `student_accuracy`, `teacher_accuracy`, `curve`, the accuracy at 0, 1, ... 100 % of texts
        sent on, least sure first, and `forwarded`, the share to send on for 99 % and 100 % of the
        teacher's accuracy.
    """
    student, teacher = np.asarray(probabilities), np.asarray(teacher_probabilities)
    labels = np.asarray(labels)
    known = labels != LABEL_UNKNOWN
    answers = None
    if threshold is not None:
        answers = _answers(student, teacher.argmax(-1), labels, known, threshold)
    return {"answers": answers, "cascade": _cascade(student, teacher, labels, known)}


def _answers(
    student: NDArray, teacher: NDArray, labels: NDArray, known: NDArray, threshold: float
) -> dict[str, float | int | None]:
    answered = student.max(-1) >= threshold
    right = student.argmax(-1) == labels
    return {
        "texts": len(labels),
        "answered": float(answered.mean()),
        "agreement": _share((student.argmax(-1) == teacher)[answered]),
        "accuracy": _share(right[answered & known]),
    }


def _cascade(
    student: NDArray, teacher: NDArray, labels: NDArray, known: NDArray
) -> dict[str, Any] | None:
    if not known.any():
        return None
    right = student.argmax(-1) == labels
    teacher_right = teacher.argmax(-1) == labels
    curve = accuracy_when_forwarding(student.max(-1)[known], right[known], teacher_right[known])
    teacher_accuracy = float(teacher_right[known].mean())
    places = np.linspace(0, len(curve) - 1, _POINTS).round().astype(int)
    return {
        "student_accuracy": float(right[known].mean()),
        "teacher_accuracy": teacher_accuracy,
        "curve": [float(value) for value in curve[places]],
        "forwarded": {str(w): share_to_forward(curve, w * teacher_accuracy) for w in WANTED},
    }


def _share(chosen: NDArray) -> float | None:
    return float(chosen.mean()) if len(chosen) else None
