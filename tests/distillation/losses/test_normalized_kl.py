# SPDX-License-Identifier: Apache-2.0
"""The paper's loss, for each text."""

import math

import numpy as np
import pytest
import torch

from dixtill_hf.distillation.losses.normalized_kl import normalized_kl
from tests.distillation.losses import float64


@pytest.mark.parametrize("temperature", [1.0, 5.0])
def test_it_is_the_formula(temperature: float) -> None:
    float64.assert_matches(
        "normalized_kl", lambda s, t, tau: 1 - np.exp(-float64.kl(s, t, tau)), temperature
    )


def test_in_closed_form() -> None:
    # Softmax of [log 3, 0] is [3/4, 1/4]; of [0, 0] it is [1/2, 1/2].
    teacher, student = torch.tensor([[2 * math.log(3), 0.0]]), torch.zeros(1, 2)
    kl = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    found = normalized_kl(student, teacher, 2.0).item()
    assert found == pytest.approx(1 - math.exp(-kl), rel=1e-6)
