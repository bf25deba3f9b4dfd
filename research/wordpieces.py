# SPDX-License-Identifier: Apache-2.0
"""Students that read rare and unseen words in pieces, instead of as one unknown word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, models, trainers
from torch import nn
from transformers import PreTrainedTokenizerFast

from dixtill_hf import DixtillForSequenceClassification, WordTokenizer
from dixtill_hf.data.words import words_of
from dixtill_hf.student.tokenization import PAD_TOKEN, SPECIAL_TOKENS, UNK_TOKEN


def read_in_pieces(
    model: DixtillForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    texts: Sequence[str],
    count: int,
) -> PreTrainedTokenizerFast:
    """Give a new student pieces of words, which its tokenizer cuts unknown words into.

    Args:
        model: The student; its embedding gets rows for the pieces, drawn as those of words without
            a vector.
        tokenizer: Its words.
        texts: The training texts, from whose unknown words the pieces are learned.
        count: How many pieces, at most.

    Returns:
        The new tokenizer. A known word is one token as before.
    """
    vocabulary = dict(tokenizer.get_vocab())
    for piece in _learned(texts, vocabulary, count):
        vocabulary.setdefault(piece, len(vocabulary))
    old = tokenizer.backend_tokenizer
    pieces = Tokenizer(models.WordPiece(vocabulary, unk_token=UNK_TOKEN))
    pieces.normalizer, pieces.pre_tokenizer = old.normalizer, old.pre_tokenizer
    table = model.embedding.weight.detach()
    new = torch.randn(len(vocabulary) - len(table), table.shape[1])
    rows = torch.cat([table, table[2:].mean(0) + new * table[2:].std(0)])
    model.embedding = nn.Embedding.from_pretrained(
        rows, freeze=False, padding_idx=model.config.pad_token_id
    )
    model.config.vocab_size = len(rows)
    return WordTokenizer(
        tokenizer_object=pieces,
        pad_token=PAD_TOKEN,
        unk_token=UNK_TOKEN,
        model_input_names=["input_ids", "attention_mask"],
    )


def _learned(texts: Sequence[str], known: dict[str, int], count: int) -> list[str]:
    """Pieces of the words of texts that are not known."""
    counts = Counter(word for text in texts for word in words_of(text))
    rare = [word for word in counts if word not in known]
    learner = Tokenizer(models.WordPiece(unk_token=UNK_TOKEN))
    trainer = trainers.WordPieceTrainer(
        vocab_size=count, special_tokens=list(SPECIAL_TOKENS), show_progress=False
    )
    learner.train_from_iterator(rare, trainer)
    vocabulary = learner.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)
