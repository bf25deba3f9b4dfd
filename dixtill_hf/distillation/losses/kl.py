# SPDX-License-Identifier: Apache-2.0
"""The classical loss of knowledge distillation: the divergence of softened probabilities."""

from torch import Tensor

from dixtill_hf.distillation.losses.base import kl_divergence, register_kd_loss


@register_kd_loss("kl")
def kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """`τ²·KL(p^T(τ) ‖ p^S(τ))` with `p(τ) = softmax(z / τ)` (Hinton et al., 2015, section 2).

    Args:
        student_logits: Shape `(..., outcomes)`.
        teacher_logits: Shape `(..., outcomes)`.
        temperature: τ, above 0.

    Returns:
        One value per question, shape `(...)`, in nats.
    """
    return temperature**2 * kl_divergence(student_logits, teacher_logits, temperature)
