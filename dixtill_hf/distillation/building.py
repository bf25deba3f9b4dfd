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
from dixtill_hf.student.tokenization import hashed_ngrams, train_word_tokenizer
from dixtill_hf.student.word_vectors import WordVectors, frequent_words, load_word_vectors


def build_student(
    texts: Sequence[str],
    label_names: Sequence[str],
    preset: str = "default",
    *,
    word_vectors: str | Path | None = None,
    min_frequency: int | None = None,
    further_words: int = 0,
    further_texts: Sequence[str] = (),
    embedding_size: int | None = None,
    ngram_buckets: int | None = None,
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
        further_words: How many of the most frequent words of `word_vectors` are known beside those
            of the texts. Training then shows words now and then with the vectors that they started
            from, so that the words which no text has are read by theirs. Default 0.
        further_texts: Variants of the texts, of which words that no text has are known too.
        embedding_size: Dimensions of the embedding; word vectors that have more are reduced to
            their first principal components. None takes those of the word vectors, and 50 without
            them.
        ngram_buckets: How many vectors words share by their character n-grams, until they are
            folded into the words' own: `DistillationTrainer` does so after the training,
            `model.fold_ngrams()` after another one. None takes the preset's for so many texts.
        seed: Of all that is drawn at random.
        **config: Fields of `DixtillConfig` that differ from the preset's.

    Returns:
        The student and its tokenizer.

    Raises:
        ValueError: The preset is unknown, there are no words, the vectors do not fit, or there are
            none that further words could come from.
    """
    check_name("preset", preset, PRESETS)
    tokenizer, vectors = student_vocabulary(
        texts, preset, word_vectors, min_frequency, further_words, embedding_size, further_texts
    )
    words = tokenizer.get_vocab()
    settings = {**PRESETS[preset].student_of(len(texts)), **config}
    if ngram_buckets is not None:
        settings["ngram_buckets"] = ngram_buckets
    ngrams = hashed_ngrams(words, settings.get("ngram_buckets", 0))
    settings["ngrams_per_word"] = ngrams.shape[1]
    set_seed(seed)
    model = DixtillForSequenceClassification(
        DixtillConfig(
            vocab_size=len(tokenizer),
            embedding_size=vectors.size,
            id2label=dict(enumerate(label_names)),
            label2id={name: index for index, name in enumerate(label_names)},
            pad_token_id=tokenizer.pad_token_id,
            unk_token_id=tokenizer.unk_token_id,
            **settings,
        )
    )
    if model.ngrams is not None:
        model.ngrams.ngrams.copy_(ngrams)
    with torch.no_grad():
        model.embedding.weight.copy_(vectors.embedding_matrix(words, seed))
    if further_words:
        has_vector = torch.zeros(len(words), dtype=torch.bool)
        has_vector[[words[word] for word in vectors.rows]] = True
        model.keep_initial_vectors(has_vector)
    return model, tokenizer


def student_vocabulary(
    texts: Sequence[str],
    preset: str,
    word_vectors: str | Path | None,
    min_frequency: int | None,
    further_words: int,
    embedding_size: int | None,
    further_texts: Sequence[str] = (),
) -> tuple[PreTrainedTokenizerFast, WordVectors]:
    """The words that a student knows, and those of their vectors that there are.

    Arguments and errors are those of `build_student`.
    """
    if further_words and word_vectors is None:
        raise ValueError(
            f"further_words={further_words} come from word_vectors, and there are none: name some, "
            "or leave further_words out."
        )
    vocabulary = dict(PRESETS[preset].vocabulary)
    if min_frequency is not None:
        vocabulary["min_frequency"] = min_frequency
    further = frequent_words(word_vectors, further_words)
    tokenizer = train_word_tokenizer(
        texts, **vocabulary, further_words=further, further_texts=further_texts
    )
    return tokenizer, load_word_vectors(word_vectors, tokenizer.get_vocab(), embedding_size)
