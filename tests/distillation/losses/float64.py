# SPDX-License-Identifier: Apache-2.0
"""Losses are compared with their formulas in NumPy, in float64."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from dixtill_hf.distillation.losses.base import get_kd_loss

Values = NDArray[np.float64]


def random_logits(seed: int, batch: int = 6, labels: int = 3) -> torch.Tensor:
    """Logits `(batch, labels)` that differ widely."""
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(batch, labels, generator=generator, dtype=torch.float64)


def kl(student: Values, teacher: Values, temperature: float) -> Values:
    """KL(teacher ‖ student) of each row."""
    p_teacher, p_student = (
        np.exp(z / temperature) / np.exp(z / temperature).sum(1, keepdims=True)
        for z in (teacher, student)
    )
    return (p_teacher * np.log(p_teacher / p_student)).sum(1)


def assert_matches(
    name: str, formula: Callable[[Values, Values, float], Values], temperature: float
) -> None:
    """The loss of this name is the formula, in double and in single precision."""
    student, teacher = random_logits(0), random_logits(1)
    expected = formula(student.numpy(), teacher.numpy(), temperature)
    loss = get_kd_loss(name)
    assert loss is not None
    np.testing.assert_allclose(loss(student, teacher, temperature), expected, rtol=1e-12)
    single = loss(student.float(), teacher.float(), temperature)
    np.testing.assert_allclose(single, expected, rtol=1e-4)
