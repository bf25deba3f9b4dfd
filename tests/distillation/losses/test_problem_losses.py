# SPDX-License-Identifier: Apache-2.0
"""The losses of several labels a text and of values, against closed forms."""

import pytest
import torch

from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION
from dixtill_hf.distillation.losses.base import compares_values, known_kd_losses
from dixtill_hf.distillation.losses.cosine_explanation import cosine_explanation_loss
from dixtill_hf.distillation.losses.dixtill import distillation_loss
from dixtill_hf.distillation.losses.problem_losses import is_labelled


def _random(seed: int, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(*shape, generator=generator, dtype=torch.float64)


STUDENT, TEACHER = _random(0, 4, 3), _random(1, 4, 3)
LABELS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [torch.nan] * 3, [0.0, 1.0, 0.0]])


def test_labels_are_binary_questions_averaged_over_the_labels() -> None:
    terms = distillation_loss(STUDENT, LABELS, alpha=0.0, problem_type=MULTI_LABEL)
    p = STUDENT.sigmoid()
    expected = -(LABELS * p.log() + (1 - LABELS) * (1 - p).log()).mean(-1)
    expected[2] = 0
    torch.testing.assert_close(terms["ce"], expected)
    assert is_labelled(LABELS).tolist() == [True, True, False, True]


def test_the_teachers_probability_of_each_label_is_learned() -> None:
    """KL of Bernoulli distributions with softened probabilities, the mean over the labels."""
    tau = 3.0
    terms = distillation_loss(
        STUDENT,
        LABELS,
        alpha=0.9,
        kd_loss="kl",
        temperature=tau,
        teacher_logits=TEACHER,
        problem_type=MULTI_LABEL,
    )
    p, q = (TEACHER / tau).sigmoid(), (STUDENT / tau).sigmoid()
    divergence = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    torch.testing.assert_close(terms["kd"], tau**2 * divergence.mean(-1))
    assert terms["loss"][2] == terms["kd"][2]


@pytest.mark.parametrize("name", sorted(known_kd_losses()))
@pytest.mark.parametrize("problem_type", [MULTI_LABEL, REGRESSION])
def test_a_student_that_says_what_its_teacher_says_has_nothing_to_learn(
    name: str, problem_type: str
) -> None:
    logits = STUDENT.clone().requires_grad_()
    terms = distillation_loss(
        logits,
        LABELS,
        alpha=1.0,
        kd_loss=name,
        teacher_logits=STUDENT,
        problem_type=problem_type,
    )
    torch.testing.assert_close(terms["kd"], torch.zeros(4, dtype=torch.float64))
    terms["loss"].mean().backward()
    torch.testing.assert_close(logits.grad, torch.zeros_like(logits), atol=1e-12, rtol=0)


def test_values_are_compared_with_labels_and_teacher_by_squared_distance() -> None:
    terms = distillation_loss(
        STUDENT, LABELS, alpha=0.5, kd_loss="mse", teacher_logits=TEACHER, problem_type=REGRESSION
    )
    ce, kd = (STUDENT - LABELS).square().mean(-1), (STUDENT - TEACHER).square().mean(-1)
    torch.testing.assert_close(terms["loss"][[0, 1, 3]], ((ce + kd) / 2)[[0, 1, 3]])
    torch.testing.assert_close(terms["loss"][2], kd[2])


def test_only_the_distance_compares_values() -> None:
    assert [name for name in sorted(known_kd_losses()) if compares_values(name)] == ["mse"]
    assert compares_values("none")


def test_explanations_are_averaged_over_the_targets_of_a_text() -> None:
    ours, theirs = _random(2, 2, 3, 5), _random(3, 2, 3, 5)
    mask = torch.ones(2, 3, 5)
    mask[1, 1:] = 0  # the second text has one target
    terms = distillation_loss(
        STUDENT[:2],
        LABELS[:2],
        alpha=0.9,
        xai_weight=1.0,
        explanations=(ours, theirs, mask),
        problem_type=MULTI_LABEL,
    )
    single = cosine_explanation_loss(ours, theirs, torch.ones(2, 3, 5))
    torch.testing.assert_close(terms["xai"], torch.stack([single[0].mean(), single[1, 0]]))
