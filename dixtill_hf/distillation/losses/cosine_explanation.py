# SPDX-License-Identifier: Apache-2.0
"""The loss on the explanations: how far the student's point away from the teacher's."""

import torch
from torch import Tensor

from dixtill_hf.distillation.losses.base import at_least_float32


def cosine_explanation_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """`½·(1 − cos(student, teacher))` over the real words, L_XAI of Cantini et al. (2024).

    If either explanation is zero on every real word, or the text has no words, the loss is the
    constant ½ and passes no gradient.

    Args:
        student: The student's score of every word, shape `(..., words)`.
        teacher: The teacher's attribution of every word, shape `(..., words)`.
        mask: Not 0 on real words, shape `(..., words)`.

    Returns:
        One value per explanation in [0, 1], shape `(...)`.
    """
    student, student_square = _rescaled(student, mask)
    teacher, teacher_square = _rescaled(teacher, mask)
    defined = (student_square > 0) & (teacher_square > 0)
    # Ones stand in for zeros: a square root that `where` leaves out would still give NaN gradients.
    squares = torch.where(defined, student_square * teacher_square, 1)
    cosine = torch.where(defined, (student * teacher).sum(-1) * squares.rsqrt(), 0)
    return (1 - cosine) / 2


def _rescaled(scores: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Scores with padding at 0, over their L1 norm, and the sum of their squares.

    The cosine does not change, and squares of very small or large scores stay finite.
    """
    scores = torch.where(mask != 0, scores.to(at_least_float32(scores)), 0)
    norm = scores.detach().abs().sum(-1, keepdim=True)
    scores = scores / torch.where(norm > 0, norm, 1)
    return scores, scores.square().sum(-1)
