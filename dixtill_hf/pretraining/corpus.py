# SPDX-License-Identifier: Apache-2.0
"""A corpus as the student reads it: word ids in one array, batches with the encoder's vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerFast

from dixtill_hf.pretraining.vector_store import SentenceVectors

_TEXTS_AT_ONCE = 10_000


class Corpus(Dataset):
    """Texts as word ids; an item is the position of a text, which `CorpusCollator` looks up.

    Attributes:
        positions: Which texts of the corpus these are, int64 (texts,).
        lengths: Words of each of them, int64 (texts,).
    """

    def __init__(self, words: WordIds, positions: np.ndarray) -> None:
        """Take some texts of a corpus."""
        self.positions = positions
        self.lengths = words.lengths[positions]

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, row: int) -> int:
        return int(self.positions[row])


class WordIds:
    """The word ids of all texts in one array: a list for each would take twenty times the memory.

    Attributes:
        lengths: Words of each text, int64 (texts,).
    """

    def __init__(
        self, texts: Sequence[str], tokenizer: PreTrainedTokenizerFast, max_words: int
    ) -> None:
        """Read the texts; those of more than `max_words` words are cut."""
        parts: list[np.ndarray] = []
        lengths: list[int] = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = list(texts[start : start + _TEXTS_AT_ONCE])
            read = tokenizer(part, truncation=True, max_length=max_words)["input_ids"]
            lengths.extend(len(ids) for ids in read)
            parts.append(np.fromiter((word for ids in read for word in ids), np.int32))
        self._ids = np.concatenate(parts)
        self.lengths = np.array(lengths, np.int64)
        self._starts = np.concatenate([[0], self.lengths.cumsum()])

    def __getitem__(self, text: int) -> np.ndarray:
        return self._ids[self._starts[text] : self._starts[text + 1]]

    def share_of(self, word_id: int) -> float:
        """The share of one id among all words."""
        return float((self._ids == word_id).mean()) if len(self._ids) else 0.0


class CorpusCollator:
    """Makes a batch of the positions of texts: padded word ids, and the encoder's vectors."""

    def __init__(self, words: WordIds, vectors: SentenceVectors, pad_token_id: int) -> None:
        """Take the texts and their vectors, in the same order."""
        self._words, self._vectors, self._padding = words, vectors, pad_token_id

    def __call__(self, positions: Sequence[int]) -> dict[str, torch.Tensor]:
        """Make a batch.

        Args:
            positions: Positions of texts in the corpus.

        Returns:
            `input_ids`, int64 (batch, words), and `vectors`, float32 (batch, size).
        """
        longest = max(1, *(int(self._words.lengths[text]) for text in positions), 1)
        ids = np.full((len(positions), longest), self._padding, np.int64)
        for row, text in enumerate(positions):
            ids[row, : self._words.lengths[text]] = self._words[text]
        return {
            "input_ids": torch.from_numpy(ids),
            "vectors": torch.from_numpy(self._vectors[positions]),
        }
