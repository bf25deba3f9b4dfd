# SPDX-License-Identifier: Apache-2.0
"""What is logged during a training: the loss terms, and the metrics of an evaluation."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.distillation.dataset import (
    ATTRIBUTION_TARGETS,
    LABELS,
    LENGTH,
    TEACHER_LOGITS,
)
from dixtill_hf.evaluation.agreement.base import explanation_agreement
from dixtill_hf.evaluation.classification import classification_metrics, softmax

TERMS = ("ce", "kd", "xai")


class TermAverages:
    """Averages of the loss terms between two logs, over texts and processes.

    Terms are summed on the device, so that no training step waits for a number.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}

    def add(
        self, terms: Mapping[str, Tensor], labels: Tensor, attributions: Tensor | None = None
    ) -> None:
        """Add the terms of a batch.

        Args:
            terms: As from `distillation_loss`, each of shape `(batch,)`.
            labels: Shape `(batch,)`; texts labelled −100 do not enter the mean cross-entropy.
            attributions: The teacher's, `(batch, words)`; needed for the explanation term. Texts
                without any, whose term is a constant, do not enter its mean.
        """
        counted = {"ce": labels != LABEL_UNKNOWN, "kd": torch.ones_like(labels, dtype=torch.bool)}
        if attributions is not None:
            counted["xai"] = (attributions != 0).any(-1)
        for name in TERMS:
            if name in terms:
                chosen = counted[name].to(terms[name].dtype)
                sums = torch.stack([(terms[name].detach() * chosen).sum(), chosen.sum()])
                self._sums[name] = self._sums[name] + sums if name in self._sums else sums

    def pop(self, add_up: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """Return the means since the last call, and start again.

        Args:
            add_up: Adds up a tensor over all processes.

        Returns:
            `loss_ce`, `loss_kd` and `loss_xai`; terms that no text entered are absent.
        """
        totals = {name: add_up(sums).tolist() for name, sums in self._sums.items()}
        self._sums = {}
        return {f"loss_{name}": total / texts for name, (total, texts) in totals.items() if texts}


LOGITS = "logits"
EXPLANATION = "explanation"
_LOGGED_AGREEMENT = ("feature_agreement", "sign_agreement")

Arrays = Mapping[str, NDArray]


def evaluation_metrics(predictions: Arrays, references: Arrays) -> dict[str, float]:
    """Compute loss terms, quality, and agreement with the teacher on annotated texts.

    The Trainer fills gathered rows up with −100; `length` tells which values are real.

    Args:
        predictions: `logits` `(texts, labels)`; `explanation` `(texts, words)` with attribution
            targets; and the loss and its terms, `(texts,)`.
        references: `labels` `(texts,)`, −100 for unknown ones; `length` `(texts,)`; and, if the
            split is annotated, `teacher_logits` `(texts, labels)` and `attribution_targets`
            `(texts, words)`.

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
    """Which texts have a word that the teacher gives a score, `(texts,)`."""
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
