# SPDX-License-Identifier: Apache-2.0
"""The whole loss is the weighted sum of its terms, with what texts without a label leave."""

import numpy as np
import pytest
import torch

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
