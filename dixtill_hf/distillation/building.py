# SPDX-License-Identifier: Apache-2.0
"""Make a new student for given texts, and the trainer that distils into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerFast, set_seed

from dixtill_hf.data.label_column import problem_type_of
from dixtill_hf.data.labels import label_names as names_of_labels
from dixtill_hf.data.text_pairs import are_pairs, texts_of
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.augmentation import add_teacher_labelled_texts
from dixtill_hf.distillation.presets import StudentSettings, student_settings
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.pretrained_start import StudentStart, load_student_start
from dixtill_hf.student.tokenization import hashed_ngrams, train_word_tokenizer
from dixtill_hf.student.word_counts import WordCounts
from dixtill_hf.student.word_vectors import (
    NO_VECTORS,
    WordVectors,
    frequent_words,
    load_word_vectors,
)


def build_student(
    texts: Sequence[str] | WordCounts,
    label_names: Sequence[str],
    preset: str | DistillationArguments = "default",
    *,
    problem_type: str | None = None,
    word_vectors: str | Path | None = None,
    student_start: str | Path | None = None,
    min_frequency: int | None = None,
    leave_out_words: Sequence[str] = (),
    extra_vocab_size: int | None = None,
    variant_texts: Sequence[str] = (),
    embedding_size: int | None = None,
    ngram_buckets: int | None = None,
    seed: int | None = None,
    **config: Any,
) -> tuple[DixtillForSequenceClassification, PreTrainedTokenizerFast]:
    """Make an untrained student and its tokenizer from the training texts.

    Args:
        texts: The texts that the vocabulary is counted from, or their words, counted by
            `count_words`. If the texts are pairs (of `TextPair`), the student reads pairs.
        label_names: Names of the labels, in the order of the logits.
        preset: Name in `PRESETS`, or the arguments that the student will be trained with, whose
            preset and seed are taken. Default "default".
        problem_type: Name of the kind of task: "single_label_classification" (the default),
            "multi_label_classification" or "regression".
        word_vectors: Start of the embedding, a source of `load_word_vectors`; "none" draws it at
            random. Default: the preset's. If the preset's are the packaged GloVe and it is not
            installed, the embedding is random, and a warning says so.
        student_start: A pretrained student whose embedding, bi-LSTM and attention the new one
            starts from, a source of `load_student_start`. All words that it knows stay known. They
            are trained as the words of `extra_vocab_size` are. Default: none.
        min_frequency: Words that the texts have less often become [UNK]. Default: the preset's.
        leave_out_words: Words that become [UNK] however often the texts have them, in any case:
            names of people, for example. Neither `extra_vocab_size` nor `student_start` bring them
            back. Default: none.
        extra_vocab_size: How many of the most frequent words of `word_vectors` are added to the
            vocabulary. Training then shows words now and then with the vectors that they started
            from, so that words which no training text has are read by theirs. Default: the
            preset's; that of "default" is 10,000 for fewer than 5,000 texts of the language of its
            word vectors, else 0.
        variant_texts: Variants of the texts; the words that only they have are added to the
            vocabulary. Default: none.
        embedding_size: Dimensions of the embedding; word vectors that have more are reduced to
            their first principal components. Default: those of the word vectors, 50 without them.
        ngram_buckets: Number of vectors that words share by their character n-grams, until they are
            folded into the words' own: `DistillationTrainer` does so after the training,
            `model.fold_ngrams()` after another one. Default: the preset's for so many texts.
        seed: Seed of the random weights and vectors. Default: that of the arguments, else 0.
        **config: Fields of `DixtillConfig` that differ from the preset's; None leaves a field as it
            is.

    Returns:
        The student and its tokenizer.

    Raises:
        ValueError: The preset is unknown, no words are left, the vectors do not fit,
            `extra_vocab_size` is given without word vectors, or the student has another shape than
            `student_start`, or word vectors too.
        FileNotFoundError: There is no such file of word vectors.
        ImportError: `word_vectors` is "glove-packaged", and it is not installed.
    """
    if isinstance(preset, DistillationArguments):
        seed = preset.seed if seed is None else seed
        preset = preset.preset
    seed = 0 if seed is None else seed
    settings = student_settings(
        preset,
        texts.texts if isinstance(texts, WordCounts) else len(texts),
        word_vectors=word_vectors,
        min_frequency=min_frequency,
        leave_out_words=leave_out_words,
        ngram_buckets=ngram_buckets,
        extra_vocab_size=extra_vocab_size,
    )
    start = None if student_start is None else load_student_start(student_start)
    if start is not None:
        check_start(start, word_vectors, extra_vocab_size, embedding_size, config)
        config |= start.shape
    tokenizer, vectors, extra_words = student_vocabulary(
        texts, settings, variant_texts, embedding_size, start
    )
    words = tokenizer.get_vocab()
    given = {name: value for name, value in config.items() if value is not None}
    fields = {**settings.config, **given}
    ngrams = hashed_ngrams(words, fields.get("ngram_buckets", 0))
    fields["ngrams_per_word"] = ngrams.shape[1]
    set_seed(seed)
    model = DixtillForSequenceClassification(
        DixtillConfig(
            vocab_size=len(tokenizer),
            embedding_size=vectors.size,
            id2label=dict(enumerate(label_names)),
            label2id={name: index for index, name in enumerate(label_names)},
            problem_type=problem_type,
            text_pairs=_are_pairs(texts),
            pad_token_id=tokenizer.pad_token_id,
            unk_token_id=tokenizer.unk_token_id,
            **fields,
        )
    )
    if model.ngrams is not None:
        model.ngrams.ngrams.copy_(ngrams)
    with torch.no_grad():
        model.embedding.weight.copy_(vectors.embedding_matrix(words, seed))
    if start is not None:
        start.copy_layers(model)
    if extra_words or start is not None:
        has_vector = torch.zeros(len(words), dtype=torch.bool)
        has_vector[[words[word] for word in vectors.rows]] = True
        model.keep_initial_vectors(has_vector)
    return model, tokenizer


class Vocabulary(NamedTuple):
    """The words that a student knows, and what it knows of them before it is trained.

    Attributes:
        tokenizer: The student's tokenizer.
        vectors: The vectors that there are of its words.
        extra_words: How many words of the vectors were to be added to those of the texts.
    """

    tokenizer: PreTrainedTokenizerFast
    vectors: WordVectors
    extra_words: int


def student_vocabulary(
    texts: Sequence[str] | WordCounts,
    settings: StudentSettings,
    variant_texts: Sequence[str] = (),
    embedding_size: int | None = None,
    start: StudentStart | None = None,
) -> Vocabulary:
    """Make a student's tokenizer, and load the vectors that there are of its words.

    Arguments and errors are those of `build_student`; `start` is what `student_start` names.
    """

    def with_words(extra: Sequence[str]) -> tuple[PreTrainedTokenizerFast, WordVectors]:
        tokenizer = train_word_tokenizer(
            texts,
            **settings.vocabulary,
            extra_words=extra,
            variant_texts=variant_texts,
            pairs=_are_pairs(texts),
        )
        words = tokenizer.get_vocab()
        if start is not None:
            return tokenizer, start.vectors_of(list(words))
        return tokenizer, load_word_vectors(settings.word_vectors, words, embedding_size)

    if start is not None:
        return Vocabulary(*with_words(start.words), extra_words=0)
    wanted = settings.extra_vocab_size
    if wanted and settings.word_vectors == NO_VECTORS:
        raise ValueError(
            f"extra_vocab_size is {wanted}, but there are no word_vectors that these "
            "words could come from: name a source of word_vectors, or leave extra_vocab_size out."
        )
    if not wanted or settings.least_coverage:
        plain = with_words([])
        if not wanted or plain[1].coverage < settings.least_coverage:
            return Vocabulary(*plain, extra_words=0)
    return Vocabulary(*with_words(frequent_words(settings.word_vectors, wanted)), wanted)


def _are_pairs(texts: Sequence[str] | WordCounts) -> bool:
    """Whether texts are pairs; words that are counted already are those of single texts."""
    return not isinstance(texts, WordCounts) and are_pairs(texts)


def check_start(
    start: StudentStart,
    word_vectors: str | Path | None = None,
    extra_vocab_size: int | None = None,
    embedding_size: int | None = None,
    config: Mapping[str, Any] | None = None,
) -> None:
    """Refuse what contradicts a pretrained student.

    Arguments are those of `build_student`; `start` is what `student_start` names.

    Raises:
        ValueError: There are word vectors too, or a size is another one.
    """
    if word_vectors is not None or extra_vocab_size:
        raise ValueError(
            "student_start brings words and their vectors: leave word_vectors and extra_vocab_size "
            "out, or student_start."
        )
    has = {**start.shape, "embedding_size": start.model.config.embedding_size}
    for name, value in {**(config or {}), "embedding_size": embedding_size}.items():
        if name in has and value is not None and value != has[name]:
            raise ValueError(
                f"{name} is {value}, and that of student_start is {has[name]}: leave {name} out, "
                "or pretrain a student of that size."
            )


def build_trainer(
    train: Dataset,
    args: DistillationArguments,
    *,
    variants: Dataset | None = None,
    include_variant_words: bool = False,
    eval_dataset: Dataset | None = None,
    label_names: Sequence[str] | None = None,
    problem_type: str | None = None,
    **student: Any,
) -> DistillationTrainer:
    """Make a student for annotated texts, and the trainer that distils into it.

    `distill` and the commands all train what this returns.

    Args:
        train: The annotated training texts.
        args: What the student is trained with; preset and seed of the student are theirs.
        variants: Further texts that the teacher has labelled, from `label_variants`.
        include_variant_words: Whether words that only the variants have are added to the
            vocabulary: for variants in which words were replaced.
        eval_dataset: Texts that the trainer evaluates on.
        label_names: Names of the labels, in the order of the logits. Default: those of `train`.
        problem_type: Name of the kind of task. Default: that of the labels of `train`.
        **student: Further arguments of `build_student`.

    Raises:
        ValueError: As `build_student` and `DistillationTrainer`.
    """
    texts = texts_of(train)
    if problem_type is None:
        found = problem_type_of(train)
        problem_type = None if found is None else found.name
    if args.n_gpu > 1:
        args._n_gpu = 1  # the Trainer would multiply the batch by the number of GPUs
    if variants is not None:
        train = add_teacher_labelled_texts(train, variants)
    model, tokenizer = build_student(
        texts,
        names_of_labels(train) if label_names is None else label_names,
        args,
        problem_type=problem_type,
        variant_texts=texts_of(variants) if variants is not None and include_variant_words else (),
        **student,
    )
    return DistillationTrainer(
        model, args, train_dataset=train, eval_dataset=eval_dataset, processing_class=tokenizer
    )
