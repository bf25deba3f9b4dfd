# SPDX-License-Identifier: Apache-2.0
"""Gradient × input against automatic differentiation by hand."""

import numpy as np
import pytest
import torch

from dixtill_hf.explainers.gradient_x_input import GradientXInput
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.loading import load_teacher


def test_is_the_gradient_times_the_change_from_the_padding_token(
    each_teacher_dir, teacher_labels, sentences
):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, sentences[:3])
    explainer = GradientXInput(output="probability", target="all")
    embedding = teacher.model.get_input_embeddings()
    padding = embedding.weight[teacher.tokenizer.pad_token_id]
    for text, result in zip(
        encoded, explainer.explain(teacher, encoded, TokenBudget(4096)), strict=True
    ):
        inputs = {name: torch.tensor([ids]) for name, ids in text.inputs.items()}
        embedded = embedding(inputs.pop("input_ids")).detach().requires_grad_(True)
        logits = teacher.model(inputs_embeds=embedded, **inputs).logits[0]
        for label, output in enumerate(torch.softmax(logits, -1)):
            gradient = torch.autograd.grad(output, embedded, retain_graph=True)[0]
            expected = (gradient * (embedded - padding))[0].sum(-1).detach()[text.ordinary]
            np.testing.assert_allclose(result.scores[label], expected, atol=1e-6, rtol=1e-4)
        np.testing.assert_allclose(result.logits, logits.detach(), atol=1e-5)


def test_is_complete_for_a_linear_teacher(simple_teacher, sentences):
    teacher = simple_teacher()
    text = encode_texts(teacher, sentences[:1])[0]
    result = GradientXInput().explain(teacher, [text], TokenBudget(4096))[0]
    ids = torch.tensor([text.inputs["input_ids"]])
    padded = ids.masked_fill(torch.tensor([text.ordinary]), teacher.tokenizer.pad_token_id)
    with torch.no_grad():
        start = teacher.logits({"input_ids": padded, "attention_mask": torch.ones_like(ids)})
    change = result.logits[result.label] - start[0, result.label].item()
    assert result.scores.sum() == pytest.approx(change, abs=1e-4)
    assert result.evaluations == 1
    assert np.isnan(result.completeness_error)  # which other teachers do not promise
