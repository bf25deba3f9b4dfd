# SPDX-License-Identifier: Apache-2.0
"""Quality of a classifier: accuracy, macro F1, Matthews correlation, ROC AUC; F1 of each label."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, roc_auc_score


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Probabilities of logits of shape `(texts, labels)`, in float64."""
    return special.softmax(np.asarray(logits, dtype=float), axis=-1)


def classification_metrics(probabilities: ArrayLike, labels: ArrayLike) -> dict[str, float | None]:
    """The four measures of Cantini et al. (2024), computed by scikit-learn.

    Probabilities, not logits: ROC AUC compares texts with each other, and a softmax changes
    their order. `softmax` turns logits into them. The prediction is the most probable label.

    Macro F1 averages over the labels that occur in `labels` or among the predictions. ROC AUC
    is that of the second label when there are two; with more it is one-vs-rest, averaged over
    the labels that occur in `labels`.

    Args:
        probabilities: Shape `(texts, labels)`, each row summing to 1.
        labels: The right label of each text, integers in [0, labels), shape `(texts,)`.

    Returns:
        `accuracy`, `macro_f1`, `matthews` and `roc_auc`; the last is None when all texts have
        the same label, for which it is undefined.

    Raises:
        ValueError: The shapes do not match, there is no text, a row is not a probability
            distribution, or a label is out of range.
    """
    probabilities, labels = checked_probabilities(probabilities, labels)
    predictions = probabilities.argmax(axis=1)
    return {
        "accuracy": float(accuracy_score(labels, predictions)),
        "macro_f1": float(f1_score(labels, predictions, average="macro", zero_division=0.0)),
        "matthews": float(matthews_corrcoef(labels, predictions)),
        "roc_auc": _roc_auc(probabilities, labels),
    }


def f1_per_label(
    probabilities: ArrayLike, labels: ArrayLike, names: Sequence[str]
) -> dict[str, float | None]:
    """F1 of each label on its own; their mean is the macro F1 of `classification_metrics`.

    Args:
        probabilities: Shape `(texts, labels)`, each row summing to 1.
        labels: The right label of each text, integers in [0, labels), shape `(texts,)`.
        names: The labels' names, in the order of the columns.

    Returns:
        F1 by name; None for a label that neither occurs in `labels` nor among the predictions.

    Raises:
        ValueError: There is not one name a column, the shapes do not match, there is no text, a
            row is not a probability distribution, or a label is out of range.
    """
    probabilities, labels = checked_probabilities(probabilities, labels)
    if len(names) != probabilities.shape[1]:
        raise ValueError(
            f"got {len(names)} names for {probabilities.shape[1]} labels: {', '.join(names)}"
        )
    predictions = probabilities.argmax(axis=1)
    occurring = np.union1d(labels, predictions)
    scores = f1_score(labels, predictions, labels=occurring, average=None, zero_division=0.0)
    found = dict(zip(occurring.tolist(), scores.tolist(), strict=True))
    return {name: found.get(label) for label, name in enumerate(names)}


def _roc_auc(probabilities: NDArray[np.float64], labels: NDArray[np.integer]) -> float | None:
    present = np.unique(labels)
    if len(present) < 2:
        return None
    scored = [1] if probabilities.shape[1] == 2 else present
    return float(np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in scored]))


def checked_probabilities(
    probabilities: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    """Both as arrays, of shapes `(texts, labels)` and `(texts,)`.

    Raises:
        ValueError: The shapes do not match, there is no text, a row is not a probability
            distribution, or a label is out of range.
    """
    probabilities, labels = np.asarray(probabilities, dtype=float), np.asarray(labels)
    _check_shapes(probabilities, labels)
    is_distribution = (probabilities >= 0).all(axis=1)
    is_distribution &= np.isclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-3)
    if not is_distribution.all():
        row = int(np.flatnonzero(~is_distribution)[0])
        raise ValueError(
            f"row {row} of the probabilities is {probabilities[row].tolist()}: expected finite "
            "numbers of at least 0 that sum to 1; if these are logits, give softmax(logits)."
        )
    out_of_range = (labels < 0) | (labels >= probabilities.shape[1])
    if out_of_range.any():
        row = int(np.flatnonzero(out_of_range)[0])
        raise ValueError(
            f"the label of row {row} is {labels[row]}: allowed are 0 to "
            f"{probabilities.shape[1] - 1}; leave out texts without a label."
        )
    return probabilities, labels


def _check_shapes(probabilities: NDArray[np.float64], labels: NDArray[np.generic]) -> None:
    if probabilities.ndim != 2 or probabilities.shape[1] < 2 or len(probabilities) == 0:
        raise ValueError(
            f"probabilities have shape {probabilities.shape}: expected (texts, labels) with at "
            "least one text and two labels."
        )
    if labels.shape != probabilities.shape[:1]:
        raise ValueError(
            f"labels have shape {labels.shape} for {len(probabilities)} rows of probabilities: "
            f"expected ({len(probabilities)},)."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels have type {labels.dtype}: expected integers.")


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
