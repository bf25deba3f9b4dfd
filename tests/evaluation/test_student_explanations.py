# SPDX-License-Identifier: Apache-2.0
"""Integrated Gradients of a student against what they must be, and students that are shuffled."""

import numpy as np
import pytest
import torch

from dixtill_hf.distillation.building import build_student
from dixtill_hf.evaluation.agreement.base import explanation_agreement
from dixtill_hf.evaluation.student_explanations import (
    integrated_gradients_of_student,
    shuffled_student,
)
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import train_word_tokenizer


@pytest.fixture(scope="module")
def tokenizer(sentences):
    return train_word_tokenizer(sentences)


@pytest.fixture(scope="module")
def student(tokenizer):
    torch.manual_seed(0)
    config = DixtillConfig(vocab_size=len(tokenizer), hidden_size=8, num_labels=3)
    model = DixtillForSequenceClassification(config).eval()
    with torch.no_grad():  # wide enough for the path to be anything but straight
        model.embedding.weight.mul_(20)
        model.embedding.weight[0] = 0.3
    return model


@pytest.fixture(scope="module")
def labels(sentences):
    return np.arange(len(sentences)) % 3


def logits_of(model, tokenizer, text, baseline=False):
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    vectors = model.embedding(torch.zeros_like(ids) if baseline else ids)
    with torch.inference_mode():
        return model(inputs_embeds=vectors).logits[0].numpy()


def test_scores_sum_to_the_change_of_the_logit(student, tokenizer, sentences, labels):
    explanations = integrated_gradients_of_student(student, tokenizer, sentences, labels)
    for text, label, scores in zip(sentences, labels, explanations, strict=True):
        change = logits_of(student, tokenizer, text) - logits_of(student, tokenizer, text, True)
        assert scores.shape == (len(tokenizer(text)["input_ids"]),)
        assert scores.sum() == pytest.approx(change[label], abs=1e-3)
        assert np.abs(scores).sum() > 0.01


def test_scores_are_the_mean_gradient_along_the_path(student, tokenizer, sentences):
    ids = tokenizer(sentences[0], return_tensors="pt")["input_ids"]
    model = shuffled_student(student, seed=3).double()  # any student will do
    vectors, baseline = model.embedding(ids).detach(), model.embedding.weight[0].detach()
    nodes = (torch.arange(400, dtype=torch.float64) + 0.5).view(-1, 1, 1) / 400
    path = (baseline + nodes * (vectors - baseline)).requires_grad_()
    model(inputs_embeds=path).logits[:, 1].mean().backward()
    expected = (path.grad.sum(0) * (vectors - baseline)).sum(-1)[0].numpy()
    (found,) = integrated_gradients_of_student(model, tokenizer, sentences[:1], [1], steps=50)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
def test_what_words_share_is_explained_too(sentences):
    model, tokenizer = build_student(sentences, ["a", "b"], min_frequency=1, ngram_buckets=9)
    torch.nn.init.normal_(model.ngrams.buckets[1:])
    labels = [0] * len(sentences)
    shared = integrated_gradients_of_student(model.eval(), tokenizer, sentences, labels)
    model.fold_ngrams()
    folded = integrated_gradients_of_student(model, tokenizer, sentences, labels)
    for one, other in zip(shared, folded, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_batches_and_their_padding_change_nothing(student, tokenizer, sentences, labels):
    texts = [*sentences, "", "Acme"]
    labels = [*labels, 0, 2]
    together = integrated_gradients_of_student(student, tokenizer, texts, labels, steps=5)
    for text, label, scores in zip(texts, labels, together, strict=True):
        (alone,) = integrated_gradients_of_student(student, tokenizer, [text], [label], steps=5)
        np.testing.assert_allclose(scores, alone, atol=1e-5)
    assert together[-2].shape == (0,)


def test_words_beyond_the_limit_are_cut_off(student, tokenizer, sentences, monkeypatch):
    monkeypatch.setattr(tokenizer, "model_max_length", 3)
    (scores,) = integrated_gradients_of_student(student, tokenizer, sentences[:1], [0], steps=2)
    assert scores.shape == (3,)


def test_the_student_stays_as_it_was(student, tokenizer, sentences):
    frozen = shuffled_student(student, seed=0).train().requires_grad_(False)
    before = {name: weights.clone() for name, weights in frozen.state_dict().items()}
    with torch.no_grad():
        once, twice = (
            integrated_gradients_of_student(frozen, tokenizer, sentences[:2], [0, 1], steps=3)
            for _ in range(2)
        )
    assert frozen.training
    for name, weights in frozen.state_dict().items():
        assert torch.equal(weights, before[name])
    for a, b in zip(once, twice, strict=True):  # no dropout
        np.testing.assert_array_equal(a, b)


def test_shuffling_moves_weights_within_their_tensors(student):
    before = {name: weights.clone() for name, weights in student.named_parameters()}
    shuffled, again, other = (shuffled_student(student, seed) for seed in (0, 0, 1))
    for name, weights in shuffled.named_parameters():
        assert torch.equal(weights.flatten().sort().values, before[name].flatten().sort().values)
        assert torch.equal(weights, again.get_parameter(name))
        assert torch.equal(before[name], student.get_parameter(name))
        if "weight" in name:
            assert not torch.equal(weights, before[name])
            assert not torch.equal(weights, other.get_parameter(name))


def test_explanations_of_shuffled_students_agree_by_chance(student, tokenizer, sentences, labels):
    def explanations(model):
        return integrated_gradients_of_student(model, tokenizer, sentences, labels, steps=5)

    own = explanations(student)
    cosines = [
        explanation_agreement(own, explanations(shuffled_student(student, seed)))["cosine"]
        for seed in range(8)
    ]
    assert np.mean(cosines) == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize(
    ("labels", "steps", "message"),
    [
        ([0], 0, "steps must be at least 1, got 0"),
        ([0, 1], 5, r"shape \(2,\) for 1 texts"),
        ([3], 5, "from 3 to 3: the student knows 0 to 2"),
        ([-100], 5, "from -100 to -100"),
    ],
)
def test_bad_arguments_are_named(student, tokenizer, labels, steps, message):
    with pytest.raises(ValueError, match=message):
        integrated_gradients_of_student(student, tokenizer, ["Acme"], labels, steps)
