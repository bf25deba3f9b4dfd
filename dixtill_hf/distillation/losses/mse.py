# SPDX-License-Identifier: Apache-2.0
"""The squared distance of the logits."""

from torch import Tensor

from dixtill_hf.distillation.losses.base import at_least_float32, register_kd_loss


@register_kd_loss("mse", of_values=True)
def mse(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """`‖z_T − z_S‖²`, the squared distance of the logits (Ba and Caruana, 2014).

    Args:
        student_logits: Shape `(..., outcomes)`.
        teacher_logits: Shape `(..., outcomes)`.
        temperature: Not used: a temperature would only scale this loss.

    Returns:
        One value per question, shape `(...)`.
    """
    student = student_logits.to(at_least_float32(student_logits))
    return (student - teacher_logits).square().sum(-1)
