# SPDX-License-Identifier: Apache-2.0
"""A student with random weights, of the size of trained ones, for all tests of the export."""

import pytest
import torch

from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import train_word_tokenizer


def random_student(texts, **config):
    """A student whose weights are as large as those of trained ones."""
    tokenizer = train_word_tokenizer(texts)
    torch.manual_seed(0)
    settings = {"hidden_size": 12, "embedding_size": 10, "num_labels": 3, **config}
    model = DixtillForSequenceClassification(DixtillConfig(len(tokenizer), **settings)).eval()
    with torch.no_grad():
        model.embedding.weight[1:] *= 8
        for parameter in model.encoder.parameters():
            parameter *= 1.5
        model.attention.score.weight *= 3
        model.classifier.weight *= 3
        model.classifier.bias.normal_()
    return model, tokenizer


@pytest.fixture(scope="session")
def device_model(sentences):
    return random_student(sentences)
