# SPDX-License-Identifier: Apache-2.0
"""GradientSHAP against Captum, and its completeness."""

import numpy as np
import pytest
import torch
from captum.attr import GradientShap as CaptumGradientShap

from dixtill_hf.explainers.gradient_shap import GradientShap
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.loading import load_teacher


def test_equals_captum_for_the_same_draws(each_teacher_dir, teacher_labels, sentences, monkeypatch):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    text = encode_texts(teacher, sentences[:1])[0]
    explainer = GradientShap(samples=6, seed=3)
    result = explainer.explain(teacher, [text], TokenBudget(4096))[0]
    inputs = {name: torch.tensor([ids]) for name, ids in text.inputs.items()}
    ids, embedding = inputs.pop("input_ids"), teacher.model.get_input_embeddings()
    padded = ids.masked_fill(torch.tensor([text.ordinary]), teacher.tokenizer.pad_token_id)

    def forward(embedded: torch.Tensor) -> torch.Tensor:
        others = {name: tensor.repeat(len(embedded), 1) for name, tensor in inputs.items()}
        return teacher.model(inputs_embeds=embedded, **others).logits

    draws = explainer.positions(text.text).numpy()
    monkeypatch.setattr(np.random, "uniform", lambda low, high, size: draws)
    scores = CaptumGradientShap(forward).attribute(
        embedding(ids), embedding(padded), n_samples=6, target=result.label
    )
    expected = scores[0].sum(-1)[text.ordinary].detach()
    np.testing.assert_allclose(result.scores, expected, atol=1e-5, rtol=1e-4)


def test_is_complete_for_a_linear_teacher(simple_teacher, sentences):
    teacher = simple_teacher()
    encoded = encode_texts(teacher, sentences)
    results = GradientShap(samples=1, target="all").explain(teacher, encoded, TokenBudget(4096))
    assert max(result.completeness_error for result in results) < 1e-4


def test_more_samples_leave_a_smaller_error(tiny_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(tiny_teacher_dir("llama"), teacher_labels)
    encoded = encode_texts(teacher, sentences)
    errors = [
        np.mean(
            [
                result.completeness_error
                for result in GradientShap(samples=samples).explain(
                    teacher, encoded, TokenBudget(4096)
                )
            ]
        )
        for samples in (4, 256)
    ]
    assert errors[1] < errors[0] / 3


def test_the_seed_decides_what_is_drawn(simple_teacher, sentences):
    teacher = simple_teacher(relu=True)
    encoded = encode_texts(teacher, sentences[:2])

    def explain(seed: int) -> np.ndarray:
        results = GradientShap(samples=3, seed=seed).explain(teacher, encoded, TokenBudget(4096))
        return np.concatenate([result.scores for result in results])

    np.testing.assert_array_equal(explain(0), explain(0))
    assert not np.allclose(explain(0), explain(1))


@pytest.mark.parametrize("setting", [{"samples": 0}, {"seed": 0.5}, {"target": "gold"}])
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match=f"^{next(iter(setting))} must be"):
        GradientShap(**setting)
