# SPDX-License-Identifier: Apache-2.0
"""What is logged during a training: the loss terms, and the metrics of an evaluation."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from transformers import TrainingArguments

from dixtill_hf.data.problem_types import (
    DEFAULT_THRESHOLD,
    PROBLEM_TYPES,
    SINGLE_LABEL,
    ProblemType,
)
from dixtill_hf.distillation.losses.problem_losses import is_labelled
from dixtill_hf.distillation.prepared_columns import (
    ATTRIBUTION_TARGETS,
    LABELS,
    LENGTH,
    TEACHER_LOGITS,
)
from dixtill_hf.evaluation.agreement.base import explanation_agreement
from dixtill_hf.evaluation.quality import prediction_agreement, quality

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
            labels: As for `distillation_loss`; unlabelled texts do not enter the mean `ce`.
            attributions: The teacher's, `(batch, words)` or `(batch, targets, words)`; needed for
                the explanation term. Texts without any, whose term is a constant, do not enter its
                mean.
        """
        labelled = is_labelled(labels)
        counted = {"ce": labelled, "kd": torch.ones_like(labelled)}
        if attributions is not None:
            counted["xai"] = (attributions != 0).flatten(1).any(-1)
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
TARGETS = "targets"
_LOGGED_AGREEMENT = ("feature_agreement", "sign_agreement")

Arrays = Mapping[str, NDArray]


def flat_explanations(scores: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
    """Explanations of each text as one row, its targets one after the other, to be gathered.

    Args:
        scores: `(batch, targets, words)`.
        lengths: Words of each text, `(batch,)`.
        targets: Targets of each text, `(batch,)`.

    Returns:
        `(batch, width)`: the first `lengths * targets` values of a row are real.
    """
    words = torch.arange(scores.shape[2], device=scores.device) < lengths[:, None]
    has = torch.arange(scores.shape[1], device=scores.device) < targets[:, None]
    real = (words.unsqueeze(1) & has.unsqueeze(2)).flatten(1)
    order = real.long().argsort(dim=1, descending=True, stable=True)
    width = max(1, int((lengths * targets).max()))
    return scores.flatten(1).gather(1, order)[:, :width]


def evaluation_metrics(
    predictions: Arrays,
    references: Arrays,
    problem: ProblemType = PROBLEM_TYPES[SINGLE_LABEL],
    thresholds: ArrayLike = DEFAULT_THRESHOLD,
) -> dict[str, float]:
    """Compute loss terms, quality, and agreement with the teacher on annotated texts.

    The Trainer fills gathered rows up with −100; `length` tells which values are real.

    Args:
        predictions: `logits` `(texts, labels)`; `explanation` `(texts, words)` with attribution
            targets; and the loss and its terms, `(texts,)`.
        references: `labels`, as `ProblemType.array` gives them; `length` `(texts,)`; and, if the
            split is annotated, `teacher_logits` `(texts, labels)` and `attribution_targets`
            `(texts, words)`. If texts have several explained labels, `targets` `(texts,)` has
            their numbers, and explanations and targets are as `flat_explanations` makes them.
        problem: The kind of task. Default: one label a text.
        thresholds: Probability from which on a text has a label, if it may have several.

    Returns:
        `loss`; `loss_ce` over the labelled texts, `loss_kd`, `loss_xai` over the explained ones;
        the metrics of the kind of task (`QUALITY`) over the labelled texts; `teacher_agreement`,
        see `prediction_agreement`; `explanation_cosine`, `feature_agreement@k` and
        `sign_agreement@k` for k of 1, 3, 5. What cannot be computed is absent.
    """
    scores = problem.scores(predictions[LOGITS])
    metrics: dict[str, float | None] = {
        **_loss_terms(predictions, references, problem),
        **quality(problem, scores, references[LABELS], thresholds),
    }
    if TEACHER_LOGITS in references:
        metrics["teacher_agreement"] = prediction_agreement(
            problem, scores, problem.scores(references[TEACHER_LOGITS]), thresholds
        )
    if ATTRIBUTION_TARGETS in references:
        lengths = references[LENGTH]
        counts = references.get(TARGETS, np.ones_like(lengths))
        metrics |= _agreement(
            _unflattened(references[ATTRIBUTION_TARGETS], lengths, counts),
            _unflattened(predictions[EXPLANATION], lengths, counts),
        )
    return {name: value for name, value in metrics.items() if value is not None}


def _unflattened(
    rows: NDArray, lengths: NDArray[np.integer], targets: NDArray[np.integer]
) -> list[NDArray]:
    """The explanations in rows of `flat_explanations`, one array `(words,)` each."""
    return [
        one
        for row, words, count in zip(rows, lengths, targets, strict=True)
        for one in row[: words * count].reshape(count, words)
    ]


def _loss_terms(predictions: Arrays, references: Arrays, problem: ProblemType) -> dict[str, float]:
    """The mean loss, and the mean of each term over the texts that have a part in it."""
    counted = {"ce": problem.is_labelled(references[LABELS])}
    if "kd" in predictions:
        counted["kd"] = np.ones(len(references[LABELS]), dtype=bool)
    if "xai" in predictions:
        lengths = references[LENGTH] * references.get(TARGETS, 1)
        counted["xai"] = _explained(references[ATTRIBUTION_TARGETS], lengths)
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


def _agreement(teachers: Sequence[NDArray], students: Sequence[NDArray]) -> dict[str, float | None]:
    if not teachers:
        return {}
    agreement = explanation_agreement(teachers, students)
    return {
        "explanation_cosine": agreement["cosine"],
        **{name: agreement[name] for name in agreement if name.startswith(_LOGGED_AGREEMENT)},
    }


def best_model_objective(
    args: TrainingArguments,
) -> tuple[Callable[[Mapping[str, float]], float], str]:
    """What a hyperparameter search looks for: the metric that tells the best model.

    Args:
        args: With `metric_for_best_model`, the loss if it is not set, and `greater_is_better`.

    Returns:
        A function from an evaluation's metrics to the metric, and "maximize" or "minimize".
    """
    metric = args.metric_for_best_model or "loss"
    name = metric if metric.startswith("eval_") else f"eval_{metric}"

    def objective(metrics: Mapping[str, float]) -> float:
        if name not in metrics:
            raise ValueError(
                f"metric_for_best_model is {metric!r}, but an evaluation returns only "
                f"{', '.join(sorted(metrics))}."
            )
        return metrics[name]

    return objective, "maximize" if args.greater_is_better else "minimize"
