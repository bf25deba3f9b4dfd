# SPDX-License-Identifier: Apache-2.0
"""What differs in the losses by the kind of task: the loss on the labels, and what logits ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from dixtill_hf.distillation.losses.base import at_least_float32


@dataclass(frozen=True)
class ProblemLosses:
    """The losses of one kind of task.

    Attributes:
        label_loss: Logits `(batch, labels)`, labels, and the share of label smoothing → the loss of
            each text, `(batch,)`; that of an unlabelled text is of no meaning.
        questions: Logits `(batch, labels)` → `(batch, questions, outcomes)`: the logits of the
            outcomes of each question. A loss on the teacher's logits is the mean over questions.
    """

    label_loss: Callable[[Tensor, Tensor, float], Tensor]
    questions: Callable[[Tensor], Tensor]


def is_labelled(labels: Tensor) -> Tensor:
    """Which texts of a batch have a label, boolean `(batch,)`.

    Args:
        labels: Integers `(batch,)`, −100 for unknown ones; or floats `(batch, labels)`, NaN for
            unknown ones.
    """
    if labels.is_floating_point():
        return ~labels.isnan().any(-1)
    return labels != LABEL_UNKNOWN


def _cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    return functional.cross_entropy(
        logits, labels, reduction="none", ignore_index=LABEL_UNKNOWN, label_smoothing=smoothing
    )


def _binary_cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """The mean over the labels; smoothing moves the targets towards one half."""
    targets = labels.to(logits.dtype) * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").mean(-1)


def _squared_error(values: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """The mean over the outputs; values have no labels to be smoothed."""
    return (values - labels.to(values.dtype)).square().mean(-1)


def _against_zero(logits: Tensor) -> Tensor:
    """Each label is a question of two outcomes, of which "no" has the logit 0."""
    return torch.stack([logits, torch.zeros_like(logits)], dim=-1)


PROBLEM_LOSSES: dict[str, ProblemLosses] = {
    SINGLE_LABEL: ProblemLosses(_cross_entropy, lambda logits: logits.unsqueeze(1)),
    MULTI_LABEL: ProblemLosses(_binary_cross_entropy, _against_zero),
    REGRESSION: ProblemLosses(_squared_error, lambda values: values.unsqueeze(-1)),
}
"""The losses by the name of the kind of task."""


def label_loss(problem_type: str, logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """The loss on the labels of every text, `(batch,)`; 0 for a text without a label.

    Args:
        problem_type: Name of the kind of task.
        logits: Shape `(batch, labels)`.
        labels: As for `is_labelled`.
        smoothing: Share of label smoothing.
    """
    known = is_labelled(labels)
    if labels.is_floating_point():  # what is left out would still give NaN gradients
        labels = torch.where(known.unsqueeze(-1), labels, 0)
    wide = logits.to(at_least_float32(logits))
    loss = PROBLEM_LOSSES[problem_type].label_loss(wide, labels, smoothing)
    return torch.where(known, loss, 0)
