# SPDX-License-Identifier: Apache-2.0
"""The loss on explanations: a NumPy reference in float64, and what happens at the extremes."""

import numpy as np
import pytest
import torch

from dixtill_hf.distillation.losses.cosine_explanation import cosine_explanation_loss


def _explanations(seed: int, batch: int = 4, words: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, words, generator=generator, dtype=torch.float64)


def test_cosine_loss_matches_a_float64_reference_over_real_words() -> None:
    student, teacher = _explanations(0), _explanations(1)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [0, 1, 1, 1, 0]])
    expected = []
    for s, t, m in zip(student.numpy(), teacher.numpy(), mask.numpy() == 1, strict=True):
        cosine = s[m] @ t[m] / (np.linalg.norm(s[m]) * np.linalg.norm(t[m]))
        expected.append((1 - cosine) / 2)
    np.testing.assert_allclose(cosine_explanation_loss(student, teacher, mask), expected)


@pytest.mark.parametrize(("factor", "expected"), [(1.0, 0.0), (7.5, 0.0), (-0.2, 1.0)])
def test_cosine_loss_of_parallel_and_opposite_explanations(factor: float, expected: float) -> None:
    teacher = _explanations(1)
    loss = cosine_explanation_loss(factor * teacher, teacher, torch.ones_like(teacher))
    np.testing.assert_allclose(loss, expected, atol=1e-12)


def test_cosine_loss_of_orthogonal_explanations_is_a_half() -> None:
    student, teacher = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    assert cosine_explanation_loss(student, teacher, torch.ones(1, 2)).item() == 0.5


def test_zero_explanations_give_a_constant_and_no_gradient() -> None:
    student = torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [0.0, 0.0, 5.0]], requires_grad=True)
    teacher = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 1], [1, 1, 0]])
    loss = cosine_explanation_loss(student, teacher, mask)
    loss.sum().backward()
    assert loss.tolist() == [0.5, 0.5, 0.5]
    assert student.grad.count_nonzero() == 0


def test_empty_texts_give_the_constant() -> None:
    student = torch.zeros(2, 0, requires_grad=True)
    loss = cosine_explanation_loss(student, torch.zeros(2, 0), torch.zeros(2, 0))
    loss.sum().backward()
    assert loss.tolist() == [0.5, 0.5]
    masked = cosine_explanation_loss(torch.ones(1, 2), torch.ones(1, 2), torch.zeros(1, 2))
    assert masked.tolist() == [0.5]


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_cosine_loss_survives_scores_whose_squares_leave_float32(scale: float) -> None:
    student = (scale * _explanations(0)).float().requires_grad_()
    teacher, mask = _explanations(1).float(), torch.ones(4, 5)
    loss = cosine_explanation_loss(student, teacher, mask)
    loss.sum().backward()
    expected = cosine_explanation_loss(_explanations(0), _explanations(1), mask)
    np.testing.assert_allclose(loss.detach(), expected, rtol=1e-5)
    assert torch.isfinite(student.grad).all()


def test_gradient_of_the_cosine_loss_is_that_of_the_formula() -> None:
    student = _explanations(0).requires_grad_()
    mask = torch.ones(4, 5)
    assert torch.autograd.gradcheck(
        lambda scores: cosine_explanation_loss(scores, _explanations(1), mask), student
    )
