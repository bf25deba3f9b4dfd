# SPDX-License-Identifier: Apache-2.0
"""What holds for every loss on the logits, and how a loss is found by its name."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dixtill_hf.distillation.losses import base
from dixtill_hf.distillation.losses.base import get_kd_loss, known_kd_losses, register_kd_loss
from tests.distillation.losses.float64 import random_logits

LOSSES = sorted(known_kd_losses())


@pytest.mark.parametrize("name", LOSSES)
def test_kd_losses_of_equal_logits_are_zero_with_zero_gradient(name: str) -> None:
    student = random_logits(0).requires_grad_()
    loss = get_kd_loss(name)(student, student.detach(), 5.0)
    loss.sum().backward()
    np.testing.assert_allclose(loss.detach(), 0, atol=1e-12)
    np.testing.assert_allclose(student.grad, 0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("temperature", [0.1, 5.0])
@pytest.mark.parametrize("name", LOSSES)
def test_kd_losses_are_finite_at_extreme_logits(
    name: str, temperature: float, dtype: torch.dtype
) -> None:
    student = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]], dtype=dtype, requires_grad=True)
    teacher = torch.tensor([[-1e4, 1e4, 0.0], [-1e4, 1e4, 0.0]])
    loss = get_kd_loss(name)(student, teacher, temperature)
    loss.mean().backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss).all()
    assert torch.isfinite(student.grad).all()


def test_unknown_kd_loss_names_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"got 'normalised_kl'\. Did you mean 'normalized_kl'"):
        get_kd_loss("normalised_kl")
    with pytest.raises(ValueError, match="kd_loss must be one of none, "):
        get_kd_loss("?")


def test_a_file_in_the_folder_is_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding a loss touches no other file."""
    source = """from dixtill_hf.distillation.losses.base import register_kd_loss

@register_kd_loss("distance")
def distance(student_logits, teacher_logits, temperature):
    return (student_logits - teacher_logits).abs().sum(-1)
"""
    (tmp_path / "distance.py").write_text(source)
    monkeypatch.setattr(base, "_KD_LOSSES", dict(known_kd_losses()))
    monkeypatch.setattr("dixtill_hf.distillation.losses.__path__", [str(tmp_path)])
    base._import_this_folder.cache_clear()
    assert get_kd_loss("distance")(torch.ones(1, 2), torch.zeros(1, 2), 1.0).tolist() == [2]


def test_a_loss_registered_elsewhere_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_KD_LOSSES", dict(known_kd_losses()))
    own = register_kd_loss("own")(lambda student, teacher, temperature: student.sum(-1))
    assert get_kd_loss("own") is own
    assert get_kd_loss("none") is None
