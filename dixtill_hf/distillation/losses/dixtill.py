# SPDX-License-Identifier: Apache-2.0
"""The loss of a distillation: the weighted sum of labels, teacher's logits and explanations."""

import torch
from torch import Tensor
from torch.nn import functional

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.distillation.losses.base import at_least_float32, get_kd_loss
from dixtill_hf.distillation.losses.cosine_explanation import cosine_explanation_loss


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
) -> dict[str, Tensor]:
    """`(1 − α)·CE + α·(KD + xai_weight·XAI)` for every text (Cantini et al., 2024, section 3).

    A text without a label (−100) has no cross-entropy, and α goes wholly to the teacher: its
    loss is `KD + xai_weight·XAI`.

    Args:
        logits: The student's, shape `(batch, labels)`.
        labels: Integers, −100 for unknown ones, shape `(batch,)`.
        alpha: Weight of the teacher's terms, in [0, 1].
        kd_loss: Name of a loss on the teacher's logits, or "none" (the default).
        temperature: τ of the KD term. Default 1.
        xai_weight: Weight of the explanation within the teacher's terms; 0 (the default) leaves it
            out.
        teacher_logits: Shape `(batch, labels)`; needed unless `kd_loss` is "none".
        explanations: Student's scores, teacher's attributions and mask, each `(batch, words)`;
            needed unless `xai_weight` is 0.
        label_smoothing: Share of the label's probability that goes to all labels alike. Default 0.

    Returns:
        `loss` and its unweighted terms `ce` and, if they are asked for, `kd` and `xai`; each of
        shape `(batch,)`. `ce` is 0 for a text without a label.

    Raises:
        ValueError: `kd_loss` is unknown, or a term is asked for without what it needs.
    """
    ce = functional.cross_entropy(
        logits.to(at_least_float32(logits)),
        labels,
        reduction="none",
        ignore_index=LABEL_UNKNOWN,
        label_smoothing=label_smoothing,
    )
    terms = {"ce": ce}
    teaching = torch.zeros_like(ce)
    kd = get_kd_loss(kd_loss)
    if kd is not None:
        if teacher_logits is None:
            raise ValueError(f"kd_loss={kd_loss!r} needs teacher_logits, got None.")
        terms["kd"] = kd(logits, teacher_logits, temperature)
        teaching = teaching + terms["kd"]
    if xai_weight != 0:
        if explanations is None:
            raise ValueError(f"xai_weight={xai_weight} needs explanations, got None.")
        terms["xai"] = cosine_explanation_loss(*explanations)
        teaching = teaching + xai_weight * terms["xai"]
    teacher_weight = torch.where(labels == LABEL_UNKNOWN, 1.0, alpha)
    terms["loss"] = (1 - alpha) * ce + teacher_weight * teaching
    return terms
