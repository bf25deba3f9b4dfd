# SPDX-License-Identifier: Apache-2.0
"""Thresholds of labels that a text may have several of, chosen on validation texts."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import precision_recall_curve

from dixtill_hf.data.problem_types import DEFAULT_THRESHOLD


def best_thresholds(probabilities: ArrayLike, labels: ArrayLike) -> list[float]:
    """The threshold of each label with the best F1 of this label on these texts.

    A threshold lies half way between two probabilities, so that it is not that of any text. A label
    that no text has keeps 0.5. Choose them on validation texts: on the texts that they are chosen
    on, the F1 is too good.

    Args:
        probabilities: Shape `(texts, labels)`.
        labels: 1 for each label of a text, 0 for the others, NaN for unlabelled texts,
            `(texts, labels)`.

    Returns:
        One number in [0, 1] for each label.
    """
    probabilities, labels = np.asarray(probabilities, float), np.asarray(labels, float)
    known = ~np.isnan(labels).any(1)
    return [
        _best_threshold(probabilities[known, label], labels[known, label] == 1)
        for label in range(labels.shape[1])
    ]


def _best_threshold(probabilities: NDArray, right: NDArray[np.bool_]) -> float:
    if not right.any():
        return DEFAULT_THRESHOLD
    precision, recall, thresholds = precision_recall_curve(right, probabilities)
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    best = int(f1[:-1].argmax())
    lower = thresholds[best - 1] if best else 0.0
    return float((lower + thresholds[best]) / 2)
