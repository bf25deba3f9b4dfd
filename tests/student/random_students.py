# SPDX-License-Identifier: Apache-2.0
"""Small students with random weights."""

from typing import Any

import torch

from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

VOCABULARY = 30
LABELS = 3
SIZES = {"vocab_size": VOCABULARY, "embedding_size": 6, "hidden_size": 5, "num_labels": LABELS}


def make_model(seed: int = 0, **settings: Any) -> DixtillForSequenceClassification:
    """A small student whose weights are large enough for every term to matter."""
    torch.manual_seed(seed)
    model = DixtillForSequenceClassification(DixtillConfig(**(SIZES | settings)))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return model.eval()


def word_ids(*shape: int) -> torch.Tensor:
    """Ids of words, the same in every call; none is the padding or the unknown word."""
    return torch.randint(2, VOCABULARY, shape, generator=torch.Generator().manual_seed(1))
