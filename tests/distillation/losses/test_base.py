# SPDX-License-Identifier: Apache-2.0
"""Losses on the logits: closed forms, a NumPy reference in float64, and the extremes."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from dixtill_hf.distillation.losses import base
from dixtill_hf.distillation.losses.base import get_kd_loss, known_kd_losses, register_kd_loss

LOSSES = sorted(known_kd_losses())


def _logits(seed: int, batch: int = 6, labels: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(batch, labels, generator=generator, dtype=torch.float64)


def _reference(name: str, student: np.ndarray, teacher: np.ndarray, tau: float) -> np.ndarray:
    """The formulas, in plain NumPy."""
    if name == "mse":
        return ((teacher - student) ** 2).sum(1)
    p_teacher, p_student = (
        np.exp(z / tau) / np.exp(z / tau).sum(1, keepdims=True) for z in (teacher, student)
    )
    kl = (p_teacher * np.log(p_teacher / p_student)).sum(1)
    return {
        "kl": tau**2 * kl,
        "normalized_kl": 1 - np.exp(-kl),
        "normalized_kl_notebook": np.full(len(kl), 1 - np.exp(-(tau**2 * kl).mean())),
    }[name]


@pytest.mark.parametrize("temperature", [1.0, 5.0])
@pytest.mark.parametrize("name", LOSSES)
def test_kd_losses_match_a_float64_reference(name: str, temperature: float) -> None:
    student, teacher = _logits(0), _logits(1)
    expected = _reference(name, student.numpy(), teacher.numpy(), temperature)
    loss = get_kd_loss(name)
    np.testing.assert_allclose(loss(student, teacher, temperature), expected, rtol=1e-12)
    single = loss(student.float(), teacher.float(), temperature)
    np.testing.assert_allclose(single, expected, rtol=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_kd_losses_of_equal_logits_are_zero_with_zero_gradient(name: str) -> None:
    student = _logits(0).requires_grad_()
    loss = get_kd_loss(name)(student, student.detach(), 5.0)
    loss.sum().backward()
    np.testing.assert_allclose(loss.detach(), 0, atol=1e-12)
    np.testing.assert_allclose(student.grad, 0, atol=1e-12)


def test_kl_in_closed_form() -> None:
    # Softmax of [log 3, 0] is [3/4, 1/4]; of [0, 0] it is [1/2, 1/2].
    teacher, student = torch.tensor([[2 * math.log(3), 0.0]]), torch.zeros(1, 2)
    kl = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert get_kd_loss("kl")(student, teacher, 2.0).item() == pytest.approx(4 * kl, rel=1e-6)
    normalized = get_kd_loss("normalized_kl")(student, teacher, 2.0)
    assert normalized.item() == pytest.approx(1 - math.exp(-kl), rel=1e-6)


def test_mse_is_the_squared_distance_not_its_mean_over_labels() -> None:
    student, teacher = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[2.0, 2.0, 1.0]])
    assert get_kd_loss("mse")(student, teacher, 5.0).item() == 5.0


def test_notebook_averages_over_the_batch_before_the_exponential() -> None:
    student, teacher = torch.zeros(2, 2), torch.tensor([[0.0, 0.0], [2 * math.log(3), 0.0]])
    kl = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    loss = get_kd_loss("normalized_kl_notebook")(student, teacher, 2.0)
    assert loss.tolist() == pytest.approx([1 - math.exp(-4 * kl / 2)] * 2, rel=1e-6)


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
    with pytest.raises(ValueError, match="kd_loss must be one of none, kl, mse"):
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
