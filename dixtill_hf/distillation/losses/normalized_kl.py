# SPDX-License-Identifier: Apache-2.0
"""The divergence brought to [0, 1), the paper's loss on the logits."""

import torch
from torch import Tensor

from dixtill_hf.distillation.losses.base import kl_divergence, register_kd_loss


@register_kd_loss("normalized_kl")
def normalized_kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """`1 − exp(−KL(p^T(τ) ‖ p^S(τ)))`, L_KD of Cantini et al. (2024), section 3.

    Args:
        student_logits: Shape `(..., outcomes)`.
        teacher_logits: Shape `(..., outcomes)`.
        temperature: τ, above 0.

    Returns:
        One value per question in [0, 1), shape `(...)`.
    """
    return -torch.expm1(-kl_divergence(student_logits, teacher_logits, temperature))
