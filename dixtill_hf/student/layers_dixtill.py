# SPDX-License-Identifier: Apache-2.0
"""The layers of the student, and how words get the order that they need: real words first.

This file travels with every saved model: it imports torch and the configuration.
"""

import torch
from torch import nn

from .configuration_dixtill import DixtillConfig

_MOST_TRACED_WORDS = 2**16


class DixtillMinimalGru(nn.Module):
    """A minimal gated recurrent unit (Feng et al. 2024, "Were RNNs all we needed?").

    Gate and candidate see the word only: h_t = (1 - z_t) * h_(t-1) + z_t * c_t, with
    z = sigmoid(W_z x + b_z) and c = W_c x + b_c. So all words are computed at once, by a parallel
    scan.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.gate = nn.Linear(input_size, hidden_size)
        self.candidate = nn.Linear(input_size, hidden_size)

    def forward(self, states: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the states, (batch, words, hidden_size), and None.

        Args:
            states: Input vectors, (batch, words, input_size).
        """
        gate = torch.sigmoid(self.gate(states))
        return _scan(1 - gate, gate * self.candidate(states)), None


class DixtillConvolution(nn.Module):
    """A convolution over each word and the two that are read before it, and its tanh."""

    _WINDOW = 3

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.window = nn.Linear(self._WINDOW * input_size, hidden_size)

    def forward(self, states: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the states, (batch, words, hidden_size), and None.

        Args:
            states: Input vectors, (batch, words, input_size).
        """
        windows = [_later(states, places) for places in range(self._WINDOW)]
        return torch.tanh(self.window(torch.cat(windows, dim=-1))), None


def _new_cell(name: str, input_size: int, hidden_size: int) -> nn.Module:
    """Return what reads the words in one direction; names are those of `config.cell`."""
    if name == "lstm":
        return nn.LSTM(input_size, hidden_size, batch_first=True)
    if name == "gru":
        return nn.GRU(input_size, hidden_size, batch_first=True)
    if name == "minimal_gru":
        return DixtillMinimalGru(input_size, hidden_size)
    return DixtillConvolution(input_size, hidden_size)


class DixtillLayer(nn.Module):
    """One bidirectional layer over rows whose real words come first.

    Both directions read the real words before the padding, so padding never reaches a real word.
    """

    def __init__(self, input_size: int, hidden_size: int, cell: str = "lstm") -> None:
        super().__init__()
        self.left_to_right = _new_cell(cell, input_size, hidden_size)
        self.right_to_left = _new_cell(cell, input_size, hidden_size)

    def forward(self, states: torch.Tensor, reversal: torch.Tensor) -> torch.Tensor:
        """Return the states of both directions, (batch, words, 2 * hidden_size).

        Args:
            states: Input vectors, (batch, words, input_size).
            reversal: Where the reversed texts find their words among all the words of the batch,
                (batch, words). It is its own inverse.
        """
        forwards, _ = self.left_to_right(states)
        backwards, _ = self.right_to_left(_pick_words(states, reversal))
        return torch.cat([forwards, _pick_words(backwards, reversal)], dim=-1)


class DixtillEncoder(nn.Module):
    """The stacked bidirectional layers."""

    def __init__(self, config: DixtillConfig) -> None:
        super().__init__()
        width = 2 * config.hidden_size
        sizes = [config.embedding_size] + [width] * (config.num_layers - 1)
        self.layers = nn.ModuleList(
            DixtillLayer(size, config.hidden_size, config.cell) for size in sizes
        )
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.width = width

    def forward(self, embeddings: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
        """Return each layer's states, (batch, words, 2 * hidden_size); the last is 0 on padding.

        Args:
            embeddings: Word vectors, (batch, words, embedding_size), real words first.
            mask: True on real words, (batch, words).
        """
        batch, words = mask.shape
        if words == 0:  # nn.LSTM refuses a text of no steps
            return [embeddings.new_zeros(batch, 0, self.width) for _ in self.layers]
        positions = torch.arange(words, device=mask.device)
        rows = words * torch.arange(batch, device=mask.device).unsqueeze(1)
        last = mask.sum(dim=1, keepdim=True) - 1
        reversal = rows + torch.where(mask, last - positions, positions)
        states, every = embeddings, []
        # Half precision adds up over the words, and some CPUs have no LSTM in float16.
        with torch.autocast(mask.device.type, enabled=False):
            for layer in self.layers:
                states = self.dropout(layer(states, reversal))
                every.append(states)
        return [*every[:-1], states.masked_fill(~mask.unsqueeze(-1), 0)]


class DixtillNgrams(nn.Module):
    """Vectors that words share by their character n-grams (Bojanowski et al. 2017), in training.

    So words that are spelled alike learn together. `buckets` start at 0; row 0 stays 0.

    Attributes:
        ngrams: The rows of `buckets` that each word has, (vocab_size, ngrams_per_word), 0 behind
            the last.
    """

    ngrams: torch.Tensor

    def __init__(self, config: DixtillConfig) -> None:
        super().__init__()
        self.buckets = nn.Parameter(torch.zeros(config.ngram_buckets + 1, config.embedding_size))
        words = torch.zeros(config.vocab_size, config.ngrams_per_word, dtype=torch.long)
        self.register_buffer("ngrams", words)

    def forward(self, word_ids: torch.Tensor) -> torch.Tensor:
        """Return the mean vector of the n-grams of each word, (..., embedding_size); 0 of none."""
        means = nn.functional.embedding_bag(
            self.ngrams[word_ids.flatten()], self.buckets, mode="mean", padding_idx=0
        )
        return means.view(*word_ids.shape, self.buckets.shape[1])


class DixtillAttention(nn.Module):
    """Masked additive attention over the words (Cantini et al. 2024), without biases."""

    def __init__(self, config: DixtillConfig) -> None:
        super().__init__()
        self.projection = nn.Linear(2 * config.hidden_size, config.attention_size, bias=False)
        self.score = nn.Linear(config.attention_size, 1, bias=False)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the scores and their softmax over real words, both (batch, words).

        Args:
            states: Hidden states H, (batch, words, 2 * hidden_size).
            mask: True on real words, (batch, words).
        """
        scores = at_least_float32(self.score(torch.tanh(self.projection(states))).squeeze(-1))
        real = mask.to(scores.dtype)
        scores = scores * real
        weights = torch.softmax(scores + (real - 1) * 1e4, dim=-1)
        # A text without any word would otherwise spread its weight over its padding.
        return scores, weights * real


def front_places(mask: torch.Tensor) -> torch.Tensor:
    """Return where each word goes, (batch, words), to put real words first and keep their order."""
    rank = mask.long().cumsum(dim=1)
    positions = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, rank - 1, mask.sum(dim=1, keepdim=True) + positions - rank)


def to_front(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Move the words of (batch, words) or (batch, words, size) to their `places`."""
    return torch.zeros_like(values).scatter(1, _expand(places, values), values)


def from_front(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Undo `to_front`."""
    return values.gather(1, _expand(places, values))


def _later(values: torch.Tensor, places: int) -> torch.Tensor:
    """Move (batch, words, size) some words later; what comes in at the front is 0."""
    batch, words, size = values.shape
    return torch.cat([values.new_zeros(batch, places, size), values], dim=1)[:, :words]


def _scan(kept: torch.Tensor, added: torch.Tensor) -> torch.Tensor:
    """Return h with h_t = kept_t * h_(t-1) + added_t, all (batch, words, size), and h_0 = 0.

    After each step a word has taken in twice as many words before it (Hillis and Steele 1986).
    """
    places = 1
    # A trace, for ONNX, has no word count: it gets the steps of the longest text that can be read.
    while places < (_MOST_TRACED_WORDS if torch.jit.is_tracing() else added.shape[1]):
        added = added + kept * _later(added, places)
        kept = kept * _later(kept, places)
        places *= 2
    return added


def _expand(places: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return places if values.dim() == 2 else places.unsqueeze(-1).expand_as(values)


def _pick_words(states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Look words up by their index in the batch; an embedding does so faster than a gather."""
    return nn.functional.embedding(index, states.flatten(0, 1))


def at_least_float32(values: torch.Tensor) -> torch.Tensor:
    """Return half precision as float32, and anything else as it is."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
