# SPDX-License-Identifier: Apache-2.0
"""The aim of the pretraining in closed form, and the layers that are the student's."""

import pytest
import torch

from dixtill_hf.pretraining.model import (
    SIMILARITY_WEIGHT,
    DixtillForSentenceVectors,
    sentence_vector_loss,
)
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillModel

EAST, NORTH = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])


def test_equal_vectors_have_no_loss():
    vectors = torch.nn.functional.normalize(torch.randn(6, 4), dim=-1)
    assert sentence_vector_loss(vectors, vectors).item() == pytest.approx(0, abs=1e-6)


def test_one_text_has_the_loss_of_its_cosine():
    assert sentence_vector_loss(EAST, NORTH).item() == 1
    assert sentence_vector_loss(EAST, -EAST).item() == 2


def test_similarities_of_the_batch_count():
    vectors, targets = torch.cat([EAST, EAST]), torch.cat([EAST, NORTH])
    # The cosines are 1 and 0; that of the two texts is 1 instead of 0.
    assert sentence_vector_loss(vectors, targets).item() == 0.5 + SIMILARITY_WEIGHT


def test_its_layers_are_those_of_the_student():
    config = DixtillConfig(vocab_size=9, embedding_size=3, hidden_size=4)
    model = DixtillForSentenceVectors(config, 5)
    student = DixtillModel(config)
    own = set(model.state_dict()) - {"projection.weight", "projection.bias"}
    assert own == set(student.state_dict())
    student.load_state_dict({name: model.state_dict()[name] for name in own})
    ids = torch.tensor([[2, 3, 4], [5, 6, 0]])
    with torch.inference_mode():
        pooled = student.eval()(ids).pooler_output
        expected = torch.nn.functional.normalize(model.eval().projection(pooled), dim=-1)
        assert torch.allclose(model(ids, expected)["vectors"], expected, atol=1e-6)
