# SPDX-License-Identifier: Apache-2.0
"""Hinton's loss."""

import math

import pytest
import torch

from dixtill_hf.distillation.losses.kl import kl
from tests.distillation.losses import float64


@pytest.mark.parametrize("temperature", [1.0, 5.0])
def test_it_is_the_formula(temperature: float) -> None:
    float64.assert_matches("kl", lambda s, t, tau: tau**2 * float64.kl(s, t, tau), temperature)


def test_in_closed_form() -> None:
    # Softmax of [log 3, 0] is [3/4, 1/4]; of [0, 0] it is [1/2, 1/2].
    teacher, student = torch.tensor([[2 * math.log(3), 0.0]]), torch.zeros(1, 2)
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert kl(student, teacher, 2.0).item() == pytest.approx(4 * expected, rel=1e-6)
