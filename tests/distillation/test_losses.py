# SPDX-License-Identifier: Apache-2.0
"""Losses: closed forms, a NumPy reference in float64, and what happens at the extremes."""

import math

import numpy as np
import pytest
import torch

from dixtill_hf.distillation.losses import (
    KD_LOSSES,
    cosine_explanation_loss,
    distillation_loss,
    get_kd_loss,
)

LOSSES = [name for name, loss in KD_LOSSES.items() if loss is not None]


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
    with pytest.raises(ValueError, match="got 'normalised_kl'; did you mean 'normalized_kl'"):
        get_kd_loss("normalised_kl")
    with pytest.raises(ValueError, match="kd_loss must be one of none, kl, mse"):
        get_kd_loss("?")


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


def test_the_whole_loss_is_the_weighted_sum_of_its_terms() -> None:
    logits, teacher = _logits(0, batch=4), _logits(1, batch=4)
    labels = torch.tensor([0, 1, 2, 0])
    explanations = (_explanations(0), _explanations(1), torch.ones(4, 5))
    terms = distillation_loss(
        logits,
        labels,
        alpha=0.9,
        kd_loss="kl",
        temperature=5.0,
        xai_weight=3.0,
        teacher_logits=teacher,
        explanations=explanations,
    )
    ce = -torch.log_softmax(logits, -1)[torch.arange(4), labels]
    kd = torch.from_numpy(_reference("kl", logits.numpy(), teacher.numpy(), 5.0))
    xai = cosine_explanation_loss(*explanations)
    np.testing.assert_allclose(terms["ce"], ce)
    np.testing.assert_allclose(terms["kd"], kd)
    np.testing.assert_allclose(terms["loss"], 0.1 * ce + 0.9 * (kd + 3 * xai))


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_alpha_at_its_ends_leaves_one_side_alone(alpha: float) -> None:
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    terms = distillation_loss(
        _logits(0), labels, alpha=alpha, kd_loss="mse", teacher_logits=_logits(1)
    )
    assert torch.equal(terms["loss"], terms["kd"] if alpha else terms["ce"])


def test_unlabelled_texts_learn_from_the_teacher_alone() -> None:
    labels = torch.tensor([0, -100, 2, -100, 1, 2])
    terms = distillation_loss(
        _logits(0), labels, alpha=0.9, kd_loss="kl", temperature=5.0, teacher_logits=_logits(1)
    )
    unlabelled = labels == -100
    assert torch.equal(terms["loss"][unlabelled], terms["kd"][unlabelled])
    assert terms["ce"][unlabelled].count_nonzero() == 0
    expected = (0.1 * terms["ce"] + 0.9 * terms["kd"])[~unlabelled]
    np.testing.assert_allclose(terms["loss"][~unlabelled], expected)


def test_terms_that_are_not_asked_for_are_absent() -> None:
    labels = torch.zeros(6, dtype=torch.long)
    terms = distillation_loss(_logits(0), labels, alpha=0.0, teacher_logits=_logits(1))
    assert terms.keys() == {"ce", "loss"}
    assert torch.equal(terms["loss"], terms["ce"])


def test_a_term_without_what_it_needs_is_refused() -> None:
    labels = torch.zeros(6, dtype=torch.long)
    with pytest.raises(ValueError, match="kd_loss='kl' needs teacher_logits"):
        distillation_loss(_logits(0), labels, alpha=0.5, kd_loss="kl")
    with pytest.raises(ValueError, match=r"xai_weight=1.0 needs explanations"):
        distillation_loss(_logits(0), labels, alpha=0.5, xai_weight=1.0)
