# SPDX-License-Identifier: Apache-2.0
"""Saliency against automatic differentiation by hand."""

import numpy as np
import torch

from dixtill_hf.explainers.saliency import Saliency
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.loading import load_teacher


def test_is_the_norm_of_the_gradient(each_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, sentences[:3])
    every = Saliency(target="all").explain(teacher, encoded, TokenBudget(4096))
    predicted = Saliency().explain(teacher, encoded, TokenBudget(4096))
    for text, result, one in zip(encoded, every, predicted, strict=True):
        inputs = {name: torch.tensor([ids]) for name, ids in text.inputs.items()}
        embedding = teacher.model.get_input_embeddings()
        embedded = embedding(inputs.pop("input_ids")).detach().requires_grad_(True)
        for label, logit in enumerate(teacher.model(inputs_embeds=embedded, **inputs).logits[0]):
            gradient = torch.autograd.grad(logit, embedded, retain_graph=True)[0]
            expected = gradient[0].pow(2).sum(-1).sqrt()[text.ordinary]
            np.testing.assert_allclose(result.scores[label], expected, atol=1e-6, rtol=1e-4)
        np.testing.assert_allclose(one.scores, result.scores[one.label], atol=1e-6, rtol=1e-4)
        assert (one.scores >= 0).all()
        assert one.evaluations == 1
    assert Saliency.signed is False
