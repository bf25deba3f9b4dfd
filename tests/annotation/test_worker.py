# SPDX-License-Identifier: Apache-2.0
"""What a worker makes of a text does not depend on where its process keeps the teacher."""

import pytest
import torch

from dixtill_hf.annotation.worker import Worker
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.loading import load_teacher


def _moved(weight: torch.Tensor, numbers: int) -> torch.Tensor:
    """The same weight, so many numbers behind the begin of its storage."""
    room = torch.empty(weight.numel() + numbers)
    return room[numbers:].view_as(weight).copy_(weight)


@pytest.mark.parametrize("numbers", [1, 6, 15])
def test_where_the_weights_lie_in_memory_does_not_count(
    teacher, tiny_teacher_dir, sentences, numbers
):
    moved = load_teacher(tiny_teacher_dir("bert"), device="cpu")
    for weight in moved.model.parameters():
        weight.data = _moved(weight.data, numbers)
    explainer = IntegratedGradients(steps=2, precision="float32")
    tables = [
        Worker(model, explainer, TokenBudget(256)).annotate({"text": sentences}, range(12))
        for model in (teacher, moved)
    ]
    assert tables[0].equals(tables[1])
    assert all(weight.data_ptr() % 64 == 0 for weight in moved.model.parameters())
