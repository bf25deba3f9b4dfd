# SPDX-License-Identifier: Apache-2.0
"""Students with other architectures than the library's.

Each changes a new student in place. The logits stay the sum of the words' contributions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dixtill_hf import DixtillForSequenceClassification
from dixtill_hf.data.words import MOST_WORDS
from dixtill_hf.student.layers_dixtill import DixtillAttention


def gru(model: DixtillForSequenceClassification) -> None:
    """Gated recurrent units (Cho et al., 2014) in place of the LSTM's, as wide."""
    for layer in model.encoder.layers:
        for name in ("left_to_right", "right_to_left"):
            cell = getattr(layer, name)
            units = nn.GRU(cell.input_size, cell.hidden_size, batch_first=True)
            model._init_weights(units)
            setattr(layer, name, units)


def convolution(model: DixtillForSequenceClassification) -> None:
    """A convolution over three words before the first layer, added to the word vectors."""
    model.encoder.layers[0] = _Convolved(model.encoder.layers[0], model.config.embedding_size)


def two_heads(model: DixtillForSequenceClassification) -> None:
    """A second attention; a word's weight is the mean of both."""
    heads = _TwoHeads(model.attention, DixtillAttention(model.config))
    setattr(model, "attention", heads)  # noqa: B010 - of another type than the library's


def positions(model: DixtillForSequenceClassification) -> None:
    """A vector of its place in the text is added to that of every word."""
    model.encoder.layers[0] = _Placed(model.encoder.layers[0], model.config.embedding_size)


ARCHITECTURES: dict[str, Callable[[DixtillForSequenceClassification], None]] = {
    "gru": gru,
    "convolution": convolution,
    "two_heads": two_heads,
    "positions": positions,
}
"""Changes of a student by the name that a setting gives."""


class _Convolved(nn.Module):
    def __init__(self, layer: nn.Module, size: int) -> None:
        super().__init__()
        self.layer = layer
        self.convolution = nn.Conv1d(size, size, kernel_size=3, padding=1)

    def forward(self, states: Tensor, reversal: Tensor) -> Tensor:
        windows = self.convolution(states.transpose(1, 2)).transpose(1, 2)
        return self.layer(states + torch.relu(windows), reversal)


class _TwoHeads(nn.Module):
    def __init__(self, *heads: DixtillAttention) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        scores, weights = zip(*(head(states, mask) for head in self.heads), strict=True)
        return torch.stack(scores).mean(0), torch.stack(weights).mean(0)


class _Placed(nn.Module):
    def __init__(self, layer: nn.Module, size: int) -> None:
        super().__init__()
        self.layer = layer
        self.places = nn.Parameter(torch.zeros(MOST_WORDS, size))

    def forward(self, states: Tensor, reversal: Tensor) -> Tensor:
        return self.layer(states + self.places[: states.shape[1]], reversal)
