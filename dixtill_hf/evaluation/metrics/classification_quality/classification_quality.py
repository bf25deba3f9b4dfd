# SPDX-License-Identifier: Apache-2.0
"""Accuracy and calibration as a metric of the `evaluate` library; it needs no other file."""

from collections.abc import Sequence
from typing import Any

import evaluate
import numpy as np
from datasets import Features, Value
from datasets import Sequence as ListOf
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

_INPUTS = """
Args:
    predictions: for each text, the probability of every label; they sum to 1.
    references: for each text, the number of its right label, from 0 on.
    bins: number of bins of the calibration error; 15 by default.

Returns:
    accuracy: share of texts whose most probable label is right.
    macro_f1: F1, averaged over the labels that occur.
    matthews: Matthews correlation of predicted and right labels, in [-1, 1].
    roc_auc: area under the ROC curve, of the second label of two, else one-vs-rest and averaged
        over the labels that occur; None if all texts have the same label.
    calibration_error: expected calibration error, in [0, 1].
    texts: number of texts.
"""


class ClassificationQuality(evaluate.Metric):
    """Accuracy, macro F1, Matthews correlation, ROC AUC and calibration error."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="How often a classifier is right, and whether its probabilities say so.",
            citation="Guo et al. (2017), On Calibration of Modern Neural Networks, ICML 2017.",
            inputs_description=_INPUTS,
            features=Features(
                {"predictions": ListOf(Value("float64")), "references": Value("int64")}
            ),
            license="Apache-2.0",
            reference_urls=["https://arxiv.org/abs/1706.04599"],
        )

    def _compute(
        self, predictions: Sequence[Sequence[float]], references: Sequence[int], bins: int = 15
    ) -> dict[str, Any]:
        probabilities, labels = _checked(predictions, references)
        if bins < 1:
            raise ValueError(f"bins must be at least 1, got {bins}.")
        predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
        bin_of = np.clip(np.ceil(confidence * bins).astype(int), 1, bins)
        gaps = np.bincount(bin_of, weights=(predicted == labels) - confidence)
        return {
            "accuracy": float(accuracy_score(labels, predicted)),
            "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0.0)),
            "matthews": float(matthews_corrcoef(labels, predicted)),
            "roc_auc": _roc_auc(probabilities, labels),
            "calibration_error": float(np.abs(gaps).sum() / len(labels)),
            "texts": len(labels),
        }


def _checked(predictions: Any, references: Any) -> tuple[np.ndarray, np.ndarray]:
    if not len(predictions):
        raise ValueError("There is no text: give at least one.")
    widths = {len(row) for row in predictions}
    if len(widths) != 1 or min(widths) < 2:
        raise ValueError(
            f"the texts have {sorted(widths)} probabilities: give one of every label, at least "
            "two, for each text."
        )
    probabilities, labels = np.asarray(predictions, dtype=float), np.asarray(references)
    sums = probabilities.sum(axis=1)
    wrong = ~((probabilities >= 0).all(axis=1) & np.isclose(sums, 1, rtol=0, atol=1e-3))
    if wrong.any():
        text = int(wrong.argmax())
        raise ValueError(
            f"the probabilities of text {text} are {probabilities[text].tolist()}: they must be 0 "
            "or more and sum to 1; if these are logits, take the softmax first."
        )
    outside = (labels < 0) | (labels >= probabilities.shape[1])
    if outside.any():
        text = int(outside.argmax())
        raise ValueError(
            f"the label of text {text} is {labels[text]}: allowed are 0 to "
            f"{probabilities.shape[1] - 1}."
        )
    return probabilities, labels


def _roc_auc(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    present = np.unique(labels)
    if len(present) < 2:
        return None
    scored = [1] if probabilities.shape[1] == 2 else present
    return float(np.mean([roc_auc_score(labels == c, probabilities[:, c]) for c in scored]))
