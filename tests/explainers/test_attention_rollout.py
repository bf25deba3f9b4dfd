# SPDX-License-Identifier: Apache-2.0
"""Attention rollout against the product of the attention maps, made by hand."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from dixtill_hf.explainers import attention_rollout
from dixtill_hf.explainers.attention_rollout import AttentionRollout
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.loading import load_teacher

DECODERS = {"gpt2", "llama"}


def test_is_the_product_of_the_attention_maps(each_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    encoded = encode_texts(teacher, sentences[:4])
    results = AttentionRollout().explain(teacher, encoded, TokenBudget(4096))
    model = AutoModelForSequenceClassification.from_pretrained(
        each_teacher_dir, attn_implementation="eager"
    ).eval()
    for text, result in zip(encoded, results, strict=True):
        inputs = {name: torch.tensor([ids]) for name, ids in text.inputs.items()}
        with torch.no_grad():
            attentions = model(**inputs, output_attentions=True).attentions
        rollout = np.eye(len(text))
        for attention in attentions:
            mean = attention[0].double().mean(0).numpy()
            rollout = (0.5 * mean + 0.5 * np.eye(len(text))) @ rollout
        read = len(text) - 1 if each_teacher_dir.name in DECODERS else 0
        np.testing.assert_allclose(rollout[read].sum(), 1)
        np.testing.assert_allclose(
            result.scores, rollout[read][text.ordinary], atol=1e-6, rtol=1e-4
        )
        assert (result.scores >= 0).all()
        assert result.evaluations == 1
        assert np.isnan(result.completeness_error)


def test_leaves_the_model_as_it_was(each_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    before = teacher.model.config._attn_implementation
    AttentionRollout().explain(teacher, encode_texts(teacher, sentences[:1]), TokenBudget(4096))
    assert teacher.model.config._attn_implementation == before


def test_warns_of_nothing(tiny_teacher_dir, teacher_labels, sentences, caplog, capfd):
    for architecture in ("bert", "gpt2"):
        teacher = load_teacher(tiny_teacher_dir(architecture), teacher_labels)
        capfd.readouterr()
        encoded = encode_texts(teacher, sentences[:1])
        AttentionRollout().explain(teacher, encoded, TokenBudget(4096))
        assert capfd.readouterr().err == ""
    assert not caplog.records


@pytest.mark.parametrize(("tokens_as_one", "passes"), [(64, [3]), (8, [1, 1, 1])])
def test_long_texts_count_for_more(
    tiny_teacher_dir, teacher_labels, sentences, monkeypatch, tokens_as_one, passes
):
    monkeypatch.setattr(attention_rollout, "_TOKENS_AS_ONE", tokens_as_one)
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    sizes: list[int] = []
    teacher.model.register_forward_pre_hook(
        lambda module, args, inputs: sizes.append(len(inputs["input_ids"])), with_kwargs=True
    )
    texts = encode_texts(teacher, [sentences[0]] * 3)
    AttentionRollout().explain(teacher, texts, TokenBudget(3 * len(texts[0])))
    assert sizes == passes


def test_a_model_without_attention_is_refused(simple_teacher, sentences):
    teacher = simple_teacher()
    with pytest.raises(ValueError, match="gives no attention maps"):
        AttentionRollout().explain(teacher, encode_texts(teacher, sentences[:1]), TokenBudget(99))
