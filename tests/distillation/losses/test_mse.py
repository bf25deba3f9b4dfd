# SPDX-License-Identifier: Apache-2.0
"""The squared distance."""

import pytest
import torch

from dixtill_hf.distillation.losses.mse import mse
from tests.distillation.losses import float64


@pytest.mark.parametrize("temperature", [1.0, 5.0])
def test_it_is_the_formula(temperature: float) -> None:
    float64.assert_matches("mse", lambda s, t, tau: ((t - s) ** 2).sum(1), temperature)


def test_it_is_not_the_mean_over_labels() -> None:
    student, teacher = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[2.0, 2.0, 1.0]])
    assert mse(student, teacher, 5.0).item() == 5.0
