# SPDX-License-Identifier: Apache-2.0
"""A new student for given texts: vocabulary, word vectors and weights as a preset has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast, set_seed

from dixtill_hf.data.names import check_name
from dixtill_hf.distillation.presets import PRESETS
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import train_word_tokenizer
from dixtill_hf.student.word_vectors import load_word_vectors


def build_student(
    texts: Sequence[str],
    label_names: Sequence[str],
    preset: str = "default",
    *,
    word_vectors: str | Path | None = None,
    min_frequency: int | None = None,
    embedding_size: int | None = None,
    seed: int = 0,
    **config: Any,
) -> tuple[DixtillForSequenceClassification, PreTrainedTokenizerFast]:
    """Make an untrained student and its tokenizer from the training texts.

    Args:
        texts: The texts that the vocabulary is counted from.
        label_names: In the order of the logits.
        preset: Name in `PRESETS`; gives dropouts and the vocabulary's minimum frequency.
        word_vectors: Start of the embedding, see `load_word_vectors`; None draws it at random.
        min_frequency: Words seen less often become [UNK]; None takes the preset's.
        embedding_size: Dimensions of the embedding; None takes those of the word vectors, and 50
            without them.
        seed: Of all that is drawn at random.
        **config: Fields of `DixtillConfig` that differ from the preset's.

    Returns:
        The student and its tokenizer.

    Raises:
        ValueError: The preset is unknown, there are no words, or the vectors do not fit.
    """
    check_name("preset", preset, PRESETS)
    chosen = PRESETS[preset]
    vocabulary = dict(chosen.vocabulary)
    if min_frequency is not None:
        vocabulary["min_frequency"] = min_frequency
    tokenizer = train_word_tokenizer(texts, **vocabulary)
    vectors = load_word_vectors(word_vectors, tokenizer.get_vocab(), embedding_size)
    set_seed(seed)
    model = DixtillForSequenceClassification(
        DixtillConfig(
            vocab_size=len(tokenizer),
            embedding_size=vectors.size,
            id2label=dict(enumerate(label_names)),
            label2id={name: index for index, name in enumerate(label_names)},
            pad_token_id=tokenizer.pad_token_id,
            unk_token_id=tokenizer.unk_token_id,
            **{**chosen.student, **config},
        )
    )
    with torch.no_grad():
        model.embedding.weight.copy_(vectors.embedding_matrix(tokenizer.get_vocab(), seed))
    return model, tokenizer
