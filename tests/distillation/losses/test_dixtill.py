# SPDX-License-Identifier: Apache-2.0
"""The whole loss is the weighted sum of its terms, with what texts without a label leave."""

import math

import numpy as np
import pytest
import torch

from dixtill_hf.distillation.losses.base import get_kd_loss
from dixtill_hf.distillation.losses.cosine_explanation import cosine_explanation_loss
from dixtill_hf.distillation.losses.dixtill import distillation_loss
from dixtill_hf.distillation.losses.kl import kl


def _random(seed: int, texts: int, columns: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(texts, columns, generator=generator, dtype=torch.float64)


def _logits(seed: int, batch: int = 6) -> torch.Tensor:
    return _random(seed, batch, 3)


def _explanations(seed: int) -> torch.Tensor:
    return _random(seed, 4, 5)


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
    kd = kl(logits, teacher, 5.0)
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


# Three texts with teachers of their own, by hand: temperature 5, two labels, two words.
_STUDENT = [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
_TEACHER = [[5 * math.log(3), 0.0], [0.0, 0.0], [0.0, 5 * math.log(3)]]
_KL = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # of the first and the third text
_XAI = [0.0, 0.5, 1.0]  # the scores of the words are equal, orthogonal and opposite


@pytest.mark.parametrize(
    ("kd_loss", "kd"),
    [
        ("normalized_kl", [1 - math.exp(-_KL), 0.0, 1 - math.exp(-_KL)]),
        ("normalized_kl_notebook", [1 - math.exp(-25 * 2 * _KL / 3)] * 3),
        ("kl", [25 * _KL, 0.0, 25 * _KL]),
    ],
)
def test_the_losses_of_paper_and_notebook_by_hand(kd_loss: str, kd: list[float]) -> None:
    explained = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]])
    taught = torch.tensor([[1.0, 0.0], [0.0, 3.0], [-1.0, 0.0]])
    terms = distillation_loss(
        torch.tensor(_STUDENT),
        torch.tensor([0, 1, 1]),
        alpha=0.9,
        kd_loss=kd_loss,
        temperature=5.0,
        xai_weight=1.0,
        teacher_logits=torch.tensor(_TEACHER),
        explanations=(explained, taught, torch.ones(3, 2)),
    )
    by_hand = [0.1 * math.log(2) + 0.9 * (one + xai) for one, xai in zip(kd, _XAI, strict=True)]
    np.testing.assert_allclose(terms["loss"], by_hand, rtol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_at_the_start_the_gradient_of_the_printed_loss_lacks_the_squared_temperature(
    temperature: float,
) -> None:
    """Near the teacher 1 − exp(−KL) is KL, of which Hinton's loss is τ² times as much."""
    teacher = _logits(1)
    gradients = {}
    for name in ("kl", "normalized_kl"):
        student = (teacher + 1e-4 * _logits(0)).requires_grad_()
        get_kd_loss(name)(student, teacher, temperature).sum().backward()
        gradients[name] = student.grad
    ratio = gradients["kl"].norm() / gradients["normalized_kl"].norm()
    assert ratio.item() == pytest.approx(temperature**2, rel=1e-3)


def test_far_from_the_teacher_the_gradient_of_the_notebooks_loss_dies() -> None:
    teacher = torch.tensor([[30.0, 0.0, 0.0]], dtype=torch.float64)
    norms = {}
    for name in ("kl", "normalized_kl_notebook"):
        student = (-teacher).clone().requires_grad_()
        get_kd_loss(name)(student, teacher, 5.0).sum().backward()
        norms[name] = student.grad.norm().item()
    divergence = get_kd_loss("kl")(-teacher, teacher, 5.0).item()
    assert norms["normalized_kl_notebook"] == pytest.approx(norms["kl"] * math.exp(-divergence))
    assert norms["normalized_kl_notebook"] < 1e-20 * norms["kl"]
