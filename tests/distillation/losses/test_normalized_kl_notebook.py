# SPDX-License-Identifier: Apache-2.0
"""The loss of the paper's notebook, for a batch."""

import math

import numpy as np
import pytest
import torch

from dixtill_hf.distillation.losses.normalized_kl_notebook import normalized_kl_notebook
from tests.distillation.losses import float64


@pytest.mark.parametrize("temperature", [1.0, 5.0])
def test_it_is_the_formula(temperature: float) -> None:
    def formula(student: float64.Values, teacher: float64.Values, tau: float) -> float64.Values:
        mean = (tau**2 * float64.kl(student, teacher, tau)).mean()
        return np.full(len(student), 1 - np.exp(-mean))

    float64.assert_matches("normalized_kl_notebook", formula, temperature)


def test_it_averages_over_the_batch_before_the_exponential() -> None:
    student, teacher = torch.zeros(2, 2), torch.tensor([[0.0, 0.0], [2 * math.log(3), 0.0]])
    kl = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    loss = normalized_kl_notebook(student, teacher, 2.0)
    assert loss.tolist() == pytest.approx([1 - math.exp(-4 * kl / 2)] * 2, rel=1e-6)
