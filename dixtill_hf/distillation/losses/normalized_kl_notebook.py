# SPDX-License-Identifier: Apache-2.0
"""The normalised divergence as the paper's released notebook computes it."""

import torch
from torch import Tensor

from dixtill_hf.distillation.losses.base import register_kd_loss
from dixtill_hf.distillation.losses.kl import kl


@register_kd_loss("normalized_kl_notebook")
def normalized_kl_notebook(
    student_logits: Tensor, teacher_logits: Tensor, temperature: float
) -> Tensor:
    """`1 − exp(−τ²·KL)` of the batch's mean KL, as in the notebook of Cantini et al. (2024).

    The mean is inside the exponential. So the loss of a text depends on its batch, and batches
    that are split among processes or accumulation steps do not add up to the whole.

    Args:
        student_logits: Shape `(..., outcomes)`.
        teacher_logits: Shape `(..., outcomes)`.
        temperature: τ, above 0.

    Returns:
        The batch's value in [0, 1) for each of its questions, shape `(...)`.
    """
    mean = kl(student_logits, teacher_logits, temperature).mean()
    return -torch.expm1(-mean).expand(student_logits.shape[:-1])
