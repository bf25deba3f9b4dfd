# SPDX-License-Identifier: Apache-2.0
"""Whether a classifier is right as often as it says: the expected calibration error."""

import numpy as np
from numpy.typing import ArrayLike

from dixtill_hf.evaluation.classification import checked_probabilities


def calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: how far confidence and accuracy are apart.

    The confidence of a prediction is its probability. Texts are grouped by it into bins of equal
    width that cover (0, 1], the upper end of each included; the error is the mean over texts of
    the distance between the accuracy and the mean confidence of their bin (Guo et al., 2017,
    arXiv:1706.04599, who take 15 bins).

    Args:
        probabilities: Shape `(texts, labels)`, each row summing to 1.
        labels: The right label of each text, integers in [0, labels), shape `(texts,)`.
        bins: Number of bins, at least 1.

    Returns:
        The error, in [0, 1].

    Raises:
        ValueError: `bins` is below 1, the shapes do not match, there is no text, a row is not a
            probability distribution, or a label is out of range.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    probabilities, labels = checked_probabilities(probabilities, labels)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.clip(np.ceil(confidence * bins).astype(int), 1, bins)
    gaps = np.bincount(bin_of, weights=right - confidence)
    return float(np.abs(gaps).sum() / len(labels))
