# SPDX-License-Identifier: Apache-2.0
"""The loss of a distillation: the weighted sum of labels, teacher's logits and explanations."""

import torch
from torch import Tensor

from dixtill_hf.data.problem_types import SINGLE_LABEL
from dixtill_hf.distillation.losses.base import get_kd_loss
from dixtill_hf.distillation.losses.cosine_explanation import cosine_explanation_loss
from dixtill_hf.distillation.losses.problem_losses import (
    PROBLEM_LOSSES,
    is_labelled,
    label_loss,
)


def distillation_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    alpha: float,
    kd_loss: str = "none",
    temperature: float = 1.0,
    xai_weight: float = 0.0,
    teacher_logits: Tensor | None = None,
    explanations: tuple[Tensor, Tensor, Tensor] | None = None,
    label_smoothing: float = 0.0,
    problem_type: str = SINGLE_LABEL,
) -> dict[str, Tensor]:
    """`(1 − α)·CE + α·(KD + xai_weight·XAI)` for every text (Cantini et al., 2024, section 3).

    A text without a label has no cross-entropy, and α goes wholly to the teacher: its loss is
    `KD + xai_weight·XAI`.

    If a text may have several labels, CE is the binary cross-entropy and KD is computed for each
    label by itself, each averaged over the labels. In a regression, CE is the squared error. XAI is
    averaged over the explained outputs of a text.

    Args:
        logits: The student's, shape `(batch, labels)`.
        labels: Integers `(batch,)`, −100 for unknown ones, if a text has one label; else floats
            `(batch, labels)`, NaN for unknown ones.
        alpha: Weight of the teacher's terms, in [0, 1].
        kd_loss: Name of a loss on the teacher's logits, or "none" (the default).
        temperature: τ of the KD term. Default 1.
        xai_weight: Weight of the explanation within the teacher's terms; 0 (the default) leaves it
            out.
        teacher_logits: Shape `(batch, labels)`; needed unless `kd_loss` is "none".
        explanations: Student's scores, teacher's attributions and mask, each `(batch, words)`, or
            `(batch, targets, words)` with a mask of zeros for targets that a text does not have;
            needed unless `xai_weight` is 0.
        label_smoothing: Share of the label's probability that goes to all labels alike. Default 0.
        problem_type: Name of the kind of task. Default "single_label_classification".

    Returns:
        `loss` and its unweighted terms `ce` and, if they are asked for, `kd` and `xai`; each of
        shape `(batch,)`. `ce` is 0 for a text without a label.

    Raises:
        ValueError: `kd_loss` is unknown, or a term is asked for without what it needs.
    """
    ce = label_loss(problem_type, logits, labels, label_smoothing)
    terms = {"ce": ce}
    teaching = torch.zeros_like(ce)
    kd = get_kd_loss(kd_loss)
    if kd is not None:
        if teacher_logits is None:
            raise ValueError(f"kd_loss={kd_loss!r} needs teacher_logits, got None.")
        questions = PROBLEM_LOSSES[problem_type].questions
        terms["kd"] = kd(questions(logits), questions(teacher_logits), temperature).mean(-1)
        teaching = teaching + terms["kd"]
    if xai_weight != 0:
        if explanations is None:
            raise ValueError(f"xai_weight={xai_weight} needs explanations, got None.")
        terms["xai"] = _mean_of_targets(cosine_explanation_loss(*explanations), explanations[2])
        teaching = teaching + xai_weight * terms["xai"]
    teacher_weight = torch.where(is_labelled(labels), alpha, 1.0)
    terms["loss"] = (1 - alpha) * ce + teacher_weight * teaching
    return terms


def _mean_of_targets(losses: Tensor, mask: Tensor) -> Tensor:
    """The mean over the targets that each text has, `(batch,)`; the first of a text without words.

    Args:
        losses: `(batch,)`, or `(batch, targets)`.
        mask: `(batch, words)`, or `(batch, targets, words)`.
    """
    if losses.dim() == 1:
        return losses
    has = (mask != 0).any(-1)
    has = torch.cat([has[:, :1] | ~has.any(-1, keepdim=True), has[:, 1:]], dim=1)
    return (losses * has).sum(-1) / has.sum(-1)
