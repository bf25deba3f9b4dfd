# SPDX-License-Identifier: Apache-2.0
"""What an evaluation during training reports, from the gathered rows of the whole split."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.distillation.dataset import (
    ATTRIBUTION_TARGETS,
    LABELS,
    LENGTH,
    TEACHER_LOGITS,
)
from dixtill_hf.evaluation.agreement import explanation_agreement
from dixtill_hf.evaluation.classification import classification_metrics, softmax

LOGITS = "logits"
EXPLANATION = "explanation"
_LOGGED_AGREEMENT = ("feature_agreement", "sign_agreement")

Arrays = Mapping[str, NDArray]


def evaluation_metrics(predictions: Arrays, references: Arrays) -> dict[str, float]:
    """Loss terms, quality, and agreement with the teacher where it has spoken.

    What is padding is told by `length`: the Trainer fills gathered rows up with −100.

    Args:
        predictions: `logits` `(texts, labels)`; `explanation` `(texts, words)` with attribution
            targets; and the loss and its terms, `(texts,)`.
        references: `labels` `(texts,)`, −100 where unknown; `length` `(texts,)`; and
            `teacher_logits` `(texts, labels)` and `attribution_targets` `(texts, words)` where
            the split is annotated.

    Returns:
        `loss`; `loss_ce` over the labelled texts, `loss_kd`, `loss_xai` over the explained ones;
        `accuracy`, `macro_f1`, `matthews`, `roc_auc` over the labelled texts;
        `teacher_agreement`, the share of texts with the teacher's prediction;
        `explanation_cosine`, `feature_agreement@k` and `sign_agreement@k` for k of 1, 3, 5.
        What cannot be computed is absent.
    """
    metrics: dict[str, float | None] = {
        **_loss_terms(predictions, references),
        **_quality(predictions[LOGITS], references[LABELS]),
    }
    if TEACHER_LOGITS in references:
        same = predictions[LOGITS].argmax(-1) == references[TEACHER_LOGITS].argmax(-1)
        metrics["teacher_agreement"] = float(same.mean())
    if ATTRIBUTION_TARGETS in references:
        metrics |= _agreement(
            references[ATTRIBUTION_TARGETS], predictions[EXPLANATION], references[LENGTH]
        )
    return {name: value for name, value in metrics.items() if value is not None}


def _loss_terms(predictions: Arrays, references: Arrays) -> dict[str, float]:
    """The mean loss, and the mean of each term over the texts that have a part in it."""
    counted = {"ce": references[LABELS] != LABEL_UNKNOWN}
    if "kd" in predictions:
        counted["kd"] = np.ones(len(references[LABELS]), dtype=bool)
    if "xai" in predictions:
        counted["xai"] = _explained(references[ATTRIBUTION_TARGETS], references[LENGTH])
    means = {
        f"loss_{term}": float(predictions[term][chosen].mean())
        for term, chosen in counted.items()
        if chosen.any()
    }
    return {"loss": float(predictions["loss"].mean()), **means} if means else {}


def _explained(attributions: NDArray, lengths: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Texts that the teacher gives any word of a score."""
    is_word = np.arange(attributions.shape[-1]) < lengths[:, np.newaxis]
    return ((attributions != 0) & is_word).any(-1)


def _quality(logits: NDArray, labels: NDArray) -> dict[str, float | None]:
    labelled = labels != LABEL_UNKNOWN
    if not labelled.any():
        return {}
    return classification_metrics(softmax(logits[labelled]), labels[labelled])


def _agreement(
    teacher: NDArray, student: NDArray, lengths: NDArray[np.integer]
) -> dict[str, float | None]:
    teachers = [row[:length] for row, length in zip(teacher, lengths, strict=True)]
    students = [row[:length] for row, length in zip(student, lengths, strict=True)]
    agreement = explanation_agreement(teachers, students)
    return {
        "explanation_cosine": agreement["cosine"],
        **{name: agreement[name] for name in agreement if name.startswith(_LOGGED_AGREEMENT)},
    }
