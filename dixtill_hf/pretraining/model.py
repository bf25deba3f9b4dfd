# SPDX-License-Identifier: Apache-2.0
"""The student while it is pretrained: its layers, and a projection to the encoder's vectors."""

from __future__ import annotations

import torch
from torch import nn

from dixtill_hf.student.base_dixtill import DixtillPreTrainedModel
from dixtill_hf.student.configuration_dixtill import DixtillConfig

# Weight of the similarities against the vectors themselves.
SIMILARITY_WEIGHT = 5.0


class DixtillForSentenceVectors(DixtillPreTrainedModel):
    """A student that gives each text the vector that a sentence encoder gives it.

    Below the projection it is the student: embedding, bi-LSTM and attention have the names that
    they have in `DixtillModel`, so that their weights carry over.
    """

    def __init__(self, config: DixtillConfig, vector_size: int) -> None:
        """Make a student with random weights.

        Args:
            config: Shape of the student.
            vector_size: Dimensions of the encoder's vectors.
        """
        super().__init__(config)
        self.projection = nn.Linear(2 * config.hidden_size, vector_size)
        self.post_init()

    def forward(self, input_ids: torch.Tensor, vectors: torch.Tensor) -> dict[str, torch.Tensor]:
        """The loss of a batch, and its vectors.

        Args:
            input_ids: Word ids, (batch, words).
            vectors: What the encoder gives, (batch, vector_size), each of length 1.

        Returns:
            `loss`, (), and `vectors`, (batch, vector_size), each of length 1.
        """
        reading = self._read(input_ids, None, None)
        pooled = (reading.weights.unsqueeze(-1) * reading.states[-1]).sum(dim=1)
        projected = nn.functional.normalize(self.projection(pooled), dim=-1)
        return {"loss": sentence_vector_loss(projected, vectors), "vectors": projected}


def sentence_vector_loss(vectors: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """How far sentence vectors are from those of the encoder, and their similarities from its.

    The mean of 1 − cosine over the texts, and 5 times the mean squared difference of the cosines
    between the texts of the batch.

    Args:
        vectors: The student's vectors of the texts, (batch, size), each of length 1.
        targets: The encoder's vectors of the same texts, (batch, size), each of length 1.
    """
    distance = 1 - (vectors * targets).sum(-1).mean()
    if len(vectors) < 2:
        return distance
    difference = vectors @ vectors.T - targets @ targets.T
    pairs = len(vectors) * (len(vectors) - 1)
    return distance + SIMILARITY_WEIGHT * difference.square().sum() / pairs
