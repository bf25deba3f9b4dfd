# SPDX-License-Identifier: Apache-2.0
"""Words that are read by their characters too: what benchmarks/settings.py compares.

The vector of a word is that of its row, which all rare words share, and the mean of the vectors of
its character n-grams, which stand in hashed buckets (Bojanowski et al., 2017).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from zlib import crc32

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from dixtill_hf import DixtillForSequenceClassification
from dixtill_hf.data.words import words_of
from dixtill_hf.student.tokenization import SPECIAL_TOKENS

BUCKETS = 4000
LENGTHS = (3, 4, 5)


def frequent_words_of(texts: Sequence[str], at_least: int) -> set[str]:
    """The words that stand in texts so often."""
    counts = Counter(word for text in texts for word in words_of(text))
    return {word for word, count in counts.items() if count >= at_least}


def spell(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    frequent: Collection[str],
) -> None:
    """Let a new student read words by their characters.

    Args:
        model: The student; words lose their row, not their characters, to word dropout.
        tokenizer: Its words, of which any may be rare.
        frequent: The words that keep a row of their own.
    """
    words = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    with_a_row = {*SPECIAL_TOKENS, *frequent}
    kept = [row for row, word in enumerate(words) if word in with_a_row]
    rows = torch.full((len(words),), model.config.unk_token_id)
    rows[kept] = torch.arange(len(kept))
    table = nn.Embedding.from_pretrained(
        model.embedding.weight.detach()[kept].clone(), freeze=False, padding_idx=0
    )
    grams = [[] if word in SPECIAL_TOKENS else character_ngrams(word) for word in words]
    model.embedding = _Spelled(table, rows, grams, model.config.word_dropout)
    model.config.word_dropout = 0.0


def character_ngrams(word: str) -> list[str]:
    """The n-grams of a word and its borders: `up` has `<up`, `up>` and `<up>`."""
    bounded = f"<{word}>"
    return [
        bounded[start : start + length]
        for length in LENGTHS
        for start in range(len(bounded) - length + 1)
    ]


def bucket_of(ngram: str) -> int:
    """The bucket that an n-gram shares with others."""
    return crc32(ngram.encode()) % BUCKETS


class _Spelled(nn.Module):
    def __init__(
        self, table: nn.Embedding, rows: Tensor, grams: Sequence[Sequence[str]], dropout: float
    ) -> None:
        super().__init__()
        self.table, self.dropout = table, dropout  # row 0 is padding's, row 1 the unknown word's
        self.buckets = nn.Embedding(BUCKETS + 1, table.embedding_dim, padding_idx=BUCKETS)
        nn.init.zeros_(self.buckets.weight)
        hashed = [torch.tensor([bucket_of(one) for one in of], dtype=torch.long) for of in grams]
        padded = nn.utils.rnn.pad_sequence(hashed, batch_first=True, padding_value=BUCKETS)
        self.register_buffer("rows", rows)
        self.register_buffer("grams", padded)
        self.register_buffer("counts", torch.tensor([max(len(of), 1) for of in grams]))

    def forward(self, word_ids: Tensor) -> Tensor:
        rows = self.rows[word_ids]
        if self.training:
            dropped = (torch.rand(rows.shape) < self.dropout) & (rows != 0)
            rows = rows.masked_fill(dropped, 1)
        spelled = self.buckets(self.grams[word_ids]).sum(-2) / self.counts[word_ids][..., None]
        return self.table(rows) + spelled
