# SPDX-License-Identifier: Apache-2.0
"""A threshold of confidence above which a student is right often enough, with a bound.

The bound is that of selective classification with a guaranteed risk (Geifman and El-Yaniv, 2017,
arXiv:1705.08500), by fixed-sequence testing (Angelopoulos et al., 2021, arXiv:2110.01052, section
4): one half of the held-out texts proposes thresholds, beginning with the one that it gives most
reason for, and the other half tests them, each looser than the one before; the first that fails
ends the search. For a fixed threshold the number of wrong answers among those above it is binomial,
so each test is exact, and since the search ends at the first failure, the probability that the
accepted threshold is wrong is at most 1 - `confidence`.
"""

from dataclasses import dataclass
from math import ceil, log

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

# Thresholds that are considered: one for each fiftieth of the texts.
_STEPS = 50


@dataclass(frozen=True)
class Threshold:
    """A threshold that a bound holds for.

    Attributes:
        threshold: The least probability of a prediction that is an answer.
        accuracy: The wanted accuracy among the answers.
        confidence: Probability that the bound holds, over the draw of the held-out texts.
        texts: Texts on which the threshold was tested.
        answered: How many of them reach it.
        wrong: How many of these answers were wrong.
    """

    threshold: float
    accuracy: float
    confidence: float
    texts: int
    answered: int
    wrong: int

    @property
    def coverage(self) -> float:
        """Share of the tested texts that are answered."""
        return self.answered / self.texts


def texts_needed(accuracy: float, confidence: float) -> int:
    """Answers that must all be right for the bound to hold: fewer can prove nothing.

    Args:
        accuracy: The wanted accuracy, in (0, 1).
        confidence: Probability that the bound holds, in (0, 1).

    Raises:
        ValueError: A share is out of its range.
    """
    _check_shares(accuracy, confidence)
    return ceil(log(1 - confidence) / log(accuracy))


def find_threshold(
    proposing: tuple[ArrayLike, ArrayLike],
    testing: tuple[ArrayLike, ArrayLike],
    accuracy: float,
    confidence: float = 0.95,
) -> Threshold | None:
    """Find the loosest threshold above which the answers keep an accuracy, on unseen texts too.

    Both halves must be drawn as the later texts are, and nothing else may have been chosen on them.

    Args:
        proposing: Confidence of each text of the first half, and whether its answer was right; both
            of shape `(texts,)`.
        testing: The same of the other half.
        accuracy: The wanted accuracy among the answers, in (0, 1): the share that is right, or that
            agrees with the teacher, whichever "right" means here.
        confidence: Probability that the bound holds, in (0, 1). Default 0.95.

    Returns:
        The threshold; None if none can be shown to keep the accuracy.

    Raises:
        ValueError: The shapes do not match, a half is empty, or a share is out of its range.
    """
    _check_shares(accuracy, confidence)
    proposing, testing = _checked("proposing", proposing), _checked("testing", testing)
    proposals = _proposals(*proposing, accuracy)
    answered, wrong = _count(*testing, proposals)
    failed = np.flatnonzero(_p_values(answered, wrong, accuracy) > 1 - confidence)
    last = (failed[0] if len(failed) else len(proposals)) - 1
    if last < 0:
        return None
    return Threshold(
        threshold=float(proposals[last]),
        accuracy=accuracy,
        confidence=confidence,
        texts=len(testing[0]),
        answered=int(answered[last]),
        wrong=int(wrong[last]),
    )


def _proposals(confidences: NDArray, right: NDArray, accuracy: float) -> NDArray:
    """Thresholds, each looser than the one before, chosen without a look at the tested half."""
    thresholds = np.quantile(confidences, 1 - np.linspace(1 / _STEPS, 1, _STEPS))
    p_values = _p_values(*_count(confidences, right, thresholds), accuracy)
    return thresholds[int(p_values.argmin()) :]


def _count(confidences: NDArray, right: NDArray, thresholds: NDArray) -> tuple[NDArray, NDArray]:
    """How many texts reach each threshold, and how many of their answers are wrong."""
    answered = confidences >= thresholds[:, None]
    return answered.sum(axis=1), (answered & ~right).sum(axis=1)


def _p_values(answered: NDArray, wrong: NDArray, accuracy: float) -> NDArray:
    """Probability of no more wrong answers than these if the accuracy were just missed."""
    return binom.cdf(wrong, answered, 1 - accuracy)


def _checked(name: str, half: tuple[ArrayLike, ArrayLike]) -> tuple[NDArray, NDArray]:
    confidences, right = np.asarray(half[0], dtype=float), np.asarray(half[1], dtype=bool)
    if confidences.ndim != 1 or confidences.shape != right.shape or not len(confidences):
        raise ValueError(
            f"{name} holds confidences of shape {confidences.shape} and answers of shape "
            f"{right.shape}: expected two of shape (texts,), with at least one text."
        )
    return confidences, right


def _check_shares(accuracy: float, confidence: float) -> None:
    for name, share in (("accuracy", accuracy), ("confidence", confidence)):
        if not 0 < share < 1:
            raise ValueError(f"{name} must be above 0 and below 1, got {share}.")
