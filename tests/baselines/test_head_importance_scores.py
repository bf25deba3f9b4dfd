# SPDX-License-Identifier: Apache-2.0
"""The importance of heads against an independent reference, text by text and head by head."""

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from dixtill_hf.baselines.attention_heads import HeadMap, masked_heads, prune_heads
from dixtill_hf.baselines.head_importance import (
    REMOVED,
    gradient_importance,
    masking_importance,
)
from dixtill_hf.teacher.loading import Teacher, load_teacher

HEADS = [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.fixture(params=["bert", "distilbert", "electra", "roberta"])
def teacher(
    request: pytest.FixtureRequest,
    tiny_teacher_dir: Callable[[str], Path],
    sentences: list[str],
) -> Teacher:
    """Two layers of two heads, 8 features each; its labels in another order than the data's.

    No label is much more probable than another, so that masks change predictions.
    """
    model_dir = tiny_teacher_dir(request.param)
    teacher = load_teacher(model_dir, label_names=["neutral", "bullish", "bearish"])
    last = [module for module in teacher.model.modules() if isinstance(module, nn.Linear)][-1]
    last.bias.data -= logits_one_by_one(teacher, sentences)[:, [2, 1, 0]].mean(0)
    return teacher


@pytest.fixture
def teacher_of_bert(tiny_teacher_dir: Callable[[str], Path]) -> Teacher:
    return load_teacher(tiny_teacher_dir("bert"))


def logits_one_by_one(teacher: Teacher, texts: list[str]) -> torch.Tensor:
    rows = [teacher.logits(teacher.tokenizer(text, return_tensors="pt")) for text in texts]
    return torch.cat(rows)


def predictions(teacher: Teacher, texts: list[str]) -> np.ndarray:
    with torch.inference_mode():
        return logits_one_by_one(teacher, texts).argmax(-1).numpy()


def predictions_without(teacher: Teacher, texts: list[str], layer: int, head: int) -> np.ndarray:
    changed = copy.deepcopy(teacher)
    HeadMap(changed.model).output(layer).weight.data[:, 8 * head : 8 * head + 8] = 0
    return predictions(changed, texts)


def some_labels(teacher: Teacher, texts: list[str]) -> np.ndarray:
    """What the teacher predicts, but for two texts: so most masks cost something."""
    labels = predictions(teacher, texts)
    labels[:2] = (labels[:2] + 1) % 3
    return labels


def test_masking_importance_is_the_fall_of_macro_f1(teacher: Teacher, sentences: list[str]) -> None:
    labels = some_labels(teacher, sentences)

    def score(found: np.ndarray) -> float:
        return f1_score(labels, found, average="macro", zero_division=0.0)

    whole = score(predictions(teacher, sentences))
    expected = [whole - score(predictions_without(teacher, sentences, *head)) for head in HEADS]
    found = masking_importance(teacher, sentences, labels)
    assert found.shape == (2, 2)
    assert found.flatten() == pytest.approx(expected, abs=1e-12)
    assert found.any()


def test_masking_importance_takes_any_metric(
    teacher_of_bert: Teacher, sentences: list[str]
) -> None:
    labels = predictions(teacher_of_bert, sentences)
    found = masking_importance(teacher_of_bert, sentences, labels, metric=accuracy_score)
    changed = [
        (predictions_without(teacher_of_bert, sentences, *head) != labels).mean() for head in HEADS
    ]
    assert found.flatten() == pytest.approx(changed, abs=1e-12)


def gradients_by_weight(teacher: Teacher, text: str, label: int) -> list[float]:
    """|∂L/∂ξ_h| of one text: a gate on head h scales the weights that read it.

    So its derivative is the sum, over these weights, of weight times derivative by the weight.
    """
    weights = [HeadMap(teacher.model).output(layer).weight for layer in (0, 1)]
    for weight in weights:
        weight.requires_grad_(True)
    logits = logits_one_by_one(teacher, [text])
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor([label]))
    gradients = torch.autograd.grad(loss, weights)
    products = [(w * g).detach() for w, g in zip(weights, gradients, strict=True)]
    return [abs(float(products[layer][:, 8 * head : 8 * head + 8].sum())) for layer, head in HEADS]


def test_gradient_importance_is_the_mean_absolute_derivative_by_the_gates(
    teacher: Teacher, sentences: list[str]
) -> None:
    labels = some_labels(teacher, sentences)
    texts = list(zip(sentences, labels.tolist(), strict=True))
    means = np.mean([gradients_by_weight(teacher, *text) for text in texts], axis=0).reshape(2, 2)
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    found = gradient_importance(teacher, sentences, labels)
    assert found == pytest.approx(expected, rel=1e-4)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1])


def test_heads_masked_from_outside_have_no_gradient(
    teacher_of_bert: Teacher, sentences: list[str]
) -> None:
    labels = some_labels(teacher_of_bert, sentences)
    with masked_heads(teacher_of_bert.model, {0: [1], 1: [0, 1]}):
        found = gradient_importance(teacher_of_bert, sentences, labels)
    assert found == pytest.approx(np.array([[1, 0], [0, 0]]))


@pytest.mark.parametrize("importance", [masking_importance, gradient_importance])
def test_heads_that_are_gone_are_told_apart(
    importance: Callable, teacher_of_bert: Teacher, sentences: list[str]
) -> None:
    labels = some_labels(teacher_of_bert, sentences)
    with masked_heads(teacher_of_bert.model, {1: [0]}):
        masked = importance(teacher_of_bert, sentences, labels)
    teacher_of_bert.model = prune_heads(teacher_of_bert.model, {1: [0]})
    pruned = importance(teacher_of_bert, sentences, labels)
    assert masked[1, 0] == 0
    assert pruned[1, 0] == REMOVED
    masked[1, 0] = REMOVED
    assert pruned == pytest.approx(masked, rel=1e-4)


@pytest.mark.parametrize("importance", [masking_importance, gradient_importance])
@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        ([], [], "got 0 texts"),
        (["up", "down"], [0], r"got 2 texts and labels of shape \(1,\)"),
        (["up", "down"], [0, -100], "row 1 is -100: allowed are 0 to 2; leave out texts without"),
        (["up", "down"], [3, 0], "row 0 is 3"),
        (["up", "down"], ["0", "1"], "expected integers from 0 to 2"),
    ],
)
def test_labels_must_fit(
    importance: Callable, texts: list, labels: list, message: str, teacher_of_bert: Teacher
) -> None:
    with pytest.raises(ValueError, match=message):
        importance(teacher_of_bert, texts, labels)


@pytest.mark.parametrize("importance", [masking_importance, gradient_importance])
def test_other_models_are_refused(
    importance: Callable, tiny_teacher_dir: Callable[[str], Path]
) -> None:
    with pytest.raises(ValueError, match="Supported model types"):
        importance(load_teacher(tiny_teacher_dir("gpt2")), ["up"], [0])
