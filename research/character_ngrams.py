# SPDX-License-Identifier: Apache-2.0
"""Students that read rare and unseen words by their character n-grams.

The vector of a word is that of its row, which all rare words share, and what it shares by its
character n-grams with all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from dixtill_hf import DixtillConfig, DixtillForSequenceClassification
from dixtill_hf.data.words import words_of
from dixtill_hf.student.layers_dixtill import DixtillNgrams
from dixtill_hf.student.tokenization import SPECIAL_TOKENS, hashed_ngrams

BUCKETS = 4000


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
    ngrams = hashed_ngrams(tokenizer.get_vocab(), BUCKETS)
    config = DixtillConfig(
        vocab_size=len(words),
        embedding_size=table.embedding_dim,
        ngram_buckets=BUCKETS,
        ngrams_per_word=ngrams.shape[1],
    )
    shared = DixtillNgrams(config)
    shared.ngrams.copy_(ngrams)
    spelled = _Spelled(table, rows, shared, model.config.word_dropout)
    setattr(model, "embedding", spelled)  # noqa: B010 - of another type than the library's
    model.config.word_dropout = 0.0


class _Spelled(nn.Module):
    rows: Tensor

    def __init__(
        self, table: nn.Embedding, rows: Tensor, ngrams: DixtillNgrams, dropout: float
    ) -> None:
        super().__init__()
        self.table, self.ngrams, self.dropout = table, ngrams, dropout
        self.register_buffer("rows", rows)  # row 0 is padding's, row 1 the unknown word's

    def forward(self, word_ids: Tensor) -> Tensor:
        rows = self.rows[word_ids]
        if self.training:
            dropped = (torch.rand(rows.shape) < self.dropout) & (rows != 0)
            rows = rows.masked_fill(dropped, 1)
        return self.table(rows) + self.ngrams(word_ids)
