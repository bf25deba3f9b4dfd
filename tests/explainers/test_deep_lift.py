# SPDX-License-Identifier: Apache-2.0
"""DeepLIFT against Captum's own call, and its completeness where Captum has the rules."""

import warnings

import numpy as np
import pytest
import torch
from captum.attr import LayerDeepLift

from dixtill_hf.explainers.deep_lift import DeepLift
from dixtill_hf.explainers.gradient_x_input import GradientXInput
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText, encode_texts
from dixtill_hf.teacher.loading import Teacher, load_teacher


class _Logits(torch.nn.Module):
    """The teacher's model from token ids and the other inputs to logits."""

    def __init__(self, teacher: Teacher, names: list[str]) -> None:
        super().__init__()
        self.model, self.names = teacher.model, names

    def forward(self, ids: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=ids, **dict(zip(self.names, others, strict=True))).logits


def _captum_scores(teacher: Teacher, text: EncodedText, label: int) -> np.ndarray:
    inputs = {name: torch.tensor([ids]) for name, ids in text.inputs.items()}
    ids = inputs.pop("input_ids")
    ordinary = torch.tensor([text.ordinary])
    padded = ids.masked_fill(ordinary, teacher.tokenizer.pad_token_id)
    model = _Logits(teacher, list(inputs))
    teacher.model.requires_grad_(True)  # what Captum needs to reach the layer
    scores = LayerDeepLift(model, teacher.model.get_input_embeddings()).attribute(
        ids, padded, target=label, additional_forward_args=tuple(inputs.values())
    )
    teacher.model.requires_grad_(False)
    return scores.sum(-1)[ordinary].detach().numpy()


# BERT's pooler has a Tanh, for which there is a rule. RoBERTa counts positions from its ids, so
# that Captum's baseline, made of padding ids, would be another one.
@pytest.mark.parametrize("architecture", ["bert", "electra", "deberta-v2"])
def test_equals_captum_on_the_embedding_layer(
    tiny_teacher_dir, teacher_labels, sentences, architecture
):
    teacher = load_teacher(tiny_teacher_dir(architecture), teacher_labels)
    encoded = encode_texts(teacher, sentences[:4])
    for text, result in zip(
        encoded, DeepLift(target="all").explain(teacher, encoded, TokenBudget(4096)), strict=True
    ):
        for label in range(3):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = _captum_scores(teacher, text, label)
            np.testing.assert_allclose(result.scores[label], expected, atol=1e-5, rtol=1e-3)
        assert result.evaluations == 6


def test_is_complete_where_every_step_has_a_rule(simple_teacher, sentences):
    teacher = simple_teacher(relu=True)
    encoded = encode_texts(teacher, sentences)
    results = DeepLift(target="all").explain(teacher, encoded, TokenBudget(4096))
    assert max(result.completeness_error for result in results) < 1e-4
    # which the gradient alone is not
    gradients = GradientXInput(target="all").explain(teacher, encoded, TokenBudget(4096))
    misses = [
        np.abs(found.scores.sum(-1) - lifted.scores.sum(-1)).max()
        for found, lifted in zip(gradients, results, strict=True)
    ]
    assert max(misses) > 0.1


def test_what_is_missed_is_told(tiny_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(tiny_teacher_dir("gpt2"), teacher_labels)
    text = encode_texts(teacher, sentences[:1])[0]
    result = DeepLift().explain(teacher, [text], TokenBudget(4096))[0]
    ids = torch.tensor([text.inputs["input_ids"]])
    padded = torch.full_like(ids, teacher.tokenizer.pad_token_id)
    with torch.no_grad():
        embedded = teacher.model.get_input_embeddings()(padded)
        start = teacher.model(inputs_embeds=embedded).logits[0, result.label].item()
    missed = abs(result.scores.sum() - (result.logits[result.label] - start))
    assert result.completeness_error == pytest.approx(missed, abs=1e-4)
    assert missed > 0.01


def test_says_nothing_and_leaves_nothing_behind(simple_teacher, sentences):
    teacher = simple_teacher(relu=True)
    encoded = encode_texts(teacher, sentences[:2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DeepLift().explain(teacher, encoded, TokenBudget(4096))
    activation = teacher.model.activation
    assert not activation._forward_hooks
    assert not hasattr(activation, "input")
