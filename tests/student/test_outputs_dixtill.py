# SPDX-License-Identifier: Apache-2.0
"""The losses: means over what is labelled, by the kind of task."""

from typing import Any

import pytest
import torch

from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from tests.student.random_students import LABELS, make_model, word_ids


@pytest.fixture
def model() -> DixtillForSequenceClassification:
    return make_model()


def test_loss_is_the_mean_over_labelled_texts(model: Any) -> None:
    output = model(word_ids(3, 5), labels=torch.tensor([2, -100, 0]))
    log_probabilities = output.logits.log_softmax(dim=1)
    expected = -(log_probabilities[0, 2] + log_probabilities[2, 0]) / 2
    torch.testing.assert_close(output.loss, expected)


def test_loss_of_unlabelled_texts_is_nothing(model: Any) -> None:
    loss = model(word_ids(2, 5), labels=torch.full((2,), -100)).loss
    loss.backward()
    assert loss == 0
    assert all(p.grad is None or (p.grad == 0).all() for p in model.parameters())


@pytest.mark.parametrize("labels", [torch.tensor([0.0, 1.0]), torch.zeros(2, LABELS).long()])
def test_other_labels_are_refused(model: Any, labels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="one integer label id per text"):
        model(word_ids(2, 5), labels=labels)


def test_each_of_several_labels_is_a_binary_question() -> None:
    model = make_model(problem_type="multi_label_classification")
    labels = torch.tensor([[1.0, 0.0, 1.0], [torch.nan] * 3, [0.0, 0.0, 0.0]])
    output = model(word_ids(3, 5), labels=labels)
    probabilities = output.logits.sigmoid()[[0, 2]]
    known = labels[[0, 2]]
    expected = -(known * probabilities.log() + (1 - known) * (1 - probabilities).log()).mean()
    torch.testing.assert_close(output.loss, expected)
    output.loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("outputs", [1, 3])
def test_values_are_compared_by_their_squared_distance(outputs: int) -> None:
    model = make_model(problem_type="regression", num_labels=outputs)
    labels = torch.rand(2, outputs)
    output = model(word_ids(2, 5), labels=labels)
    torch.testing.assert_close(output.loss, (output.logits - labels).square().mean())
    if outputs == 1:
        flat = model(word_ids(2, 5), labels=labels[:, 0])
        torch.testing.assert_close(flat.loss, output.loss)
    labels[1] = torch.nan
    half = model(word_ids(2, 5), labels=labels).loss
    torch.testing.assert_close(half, (output.logits - labels)[0].square().mean())
    with pytest.raises(ValueError, match="one number for each output"):
        model(word_ids(2, 5), labels=torch.rand(3, 2))
