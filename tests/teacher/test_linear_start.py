# SPDX-License-Identifier: Apache-2.0
"""The output layer of a classifier becomes a logistic regression on what it reads."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

from dixtill_hf.teacher.linear_start import (
    Features,
    fit_output_layer,
    output_layer,
    read_features,
)

ENCODERS = ["bert", "distilbert", "electra", "roberta", "mpnet", "deberta-v2", "modernbert"]
DECODERS = ["gpt2", "llama"]


def clusters(labels: int, texts: int, seed: int) -> Features:
    """Features of texts around one point for each label, far from the origin."""
    generator = np.random.default_rng(seed)
    own = np.arange(texts) % labels
    points = np.random.default_rng(9).normal(size=(labels, 8)) + 5
    values = points[own] + generator.normal(size=(texts, 8))
    return Features(values.astype(np.float32), own)


@pytest.mark.parametrize("labels", [2, 3, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_the_layer_separates_what_a_regression_separates(labels, bias):
    layer = nn.Linear(8, labels, bias=bias)
    train, validation = clusters(labels, 200, 0), clusters(labels, 100, 1)
    assert fit_output_layer(layer, train, validation)
    with torch.no_grad():
        found = layer(torch.from_numpy(validation.values)).argmax(-1).numpy()
    assert (found == validation.labels).mean() > 0.75


@pytest.mark.parametrize("labels", [2, 3])
def test_its_probabilities_are_those_of_the_regression(labels, monkeypatch):
    from dixtill_hf.teacher import linear_start

    fitted = []
    regression = linear_start.LogisticRegression

    class Watched(regression):
        def fit(self, *given):
            fitted.append(self)
            return super().fit(*given)

    monkeypatch.setattr(linear_start, "LogisticRegression", Watched)
    monkeypatch.setattr(linear_start, "_PENALTIES", (1.0,))
    layer, train = nn.Linear(8, labels), clusters(labels, 60, 0)
    fit_output_layer(layer, train, train)
    scaled = (train.values - train.values.mean(0)) / train.values.std()
    with torch.no_grad():
        found = layer(torch.from_numpy(train.values)).softmax(-1).numpy()
    np.testing.assert_allclose(found, fitted[0].predict_proba(scaled), atol=1e-4)


def test_a_label_without_texts_leaves_the_layer_as_it_is():
    layer = nn.Linear(8, 3)
    before = layer.weight.clone()
    assert not fit_output_layer(layer, clusters(2, 50, 0), clusters(2, 50, 1))
    torch.testing.assert_close(layer.weight, before)


@pytest.mark.parametrize("architecture", ENCODERS + DECODERS)
def test_the_layer_gives_the_logits_from_the_features(architecture, tiny_teacher_dir, sentences):
    directory = tiny_teacher_dir(architecture)
    model = AutoModelForSequenceClassification.from_pretrained(directory, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    encoded = tokenizer(list(sentences), truncation=True)
    rows = Dataset.from_dict({**encoded, "label": list(range(len(sentences)))})
    collate = DataCollatorWithPadding(tokenizer)
    layer = output_layer(model)
    features = read_features(model, layer, rows, collate)
    assert features.labels.tolist() == list(range(len(sentences)))
    batch = collate([rows[row] for row in range(len(rows))])
    batch.pop("labels")
    with torch.no_grad():
        logits = model.eval()(**batch).logits
        found = layer(torch.from_numpy(features.values))
    torch.testing.assert_close(found, logits, atol=1e-4, rtol=1e-4)


def test_a_model_without_a_linear_output_has_none(tiny_teacher_dir):
    model = AutoModelForSequenceClassification.from_pretrained(tiny_teacher_dir("bert"))
    model.classifier = nn.Identity()
    assert output_layer(model) is None
