# SPDX-License-Identifier: Apache-2.0
"""Settings that go together: the paper's, its notebook's, those found best; the methods."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from dixtill_hf.data.names import check_name
from dixtill_hf.data.packaged import has_packaged_glove
from dixtill_hf.student.word_vectors import NO_VECTORS, PACKAGED_GLOVE

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """How long a student is trained, and in which batches, by the number of its texts.

    Twice the texts are seen two thirds as often. The values were found with 257 to 43,000 tweets.

    Attributes:
        epochs: Epochs for 10,000 texts.
        exponent: How fast the epochs fall with the number of texts: 0 keeps the epochs, 1 keeps the
            steps.
        limits: Fewest and most epochs.
        batch_sizes: Texts per step on all devices together, for few and for many texts.
        many: Number of texts from which on they are many.
    """

    epochs: float = 23.0
    exponent: float = 0.57
    limits: tuple[int, int] = (2, 200)
    batch_sizes: tuple[int, int] = (64, 128)
    many: int = 20_000

    def training(self, texts: int, devices: int = 1) -> dict[str, Any]:
        """The fields of `DistillationArguments` for so many texts, variants included."""
        epochs = round(self.epochs * (10_000 / max(texts, 1)) ** self.exponent)
        fewest, most = self.limits
        return {
            "num_train_epochs": min(max(epochs, fewest), most),
            "per_device_train_batch_size": max(1, self.batch_sizes[texts >= self.many] // devices),
        }


@dataclass(frozen=True)
class Preset:
    """All that a preset means: how a student is made and trained.

    Attributes:
        training: Fields of `DistillationArguments`.
        student: Fields of `DixtillConfig`.
        vocabulary: Arguments of `train_word_tokenizer`.
        word_vectors: Start of the embedding, a source of `load_word_vectors`.
        variants: Variants of every training text that the teacher labels for the student.
        many_texts: Number of training texts, variants not counted, from which on they are many.
        student_of_many: Fields of `DixtillConfig` that differ for many texts.
        extra_vocab_of_few: How many of the most frequent words of `word_vectors` a student of
            fewer texts knows too, if the vectors are of the language of its texts.
        schedule: Epochs and batch size by the number of texts; None if `training` has them.
        methods: By the name of a method, the fields in which it differs from `METHODS`.
    """

    training: Mapping[str, Any]
    student: Mapping[str, Any]
    vocabulary: Mapping[str, Any]
    word_vectors: str = PACKAGED_GLOVE
    variants: int = 0
    many_texts: int = 0
    student_of_many: Mapping[str, Any] = field(default_factory=dict)
    extra_vocab_of_few: int = 0
    schedule: Schedule | None = None
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def key(self) -> dict[str, Any]:
        """All that a student of this preset depends on, as JSON values."""
        key = asdict(self)
        if not self.methods:
            del key["methods"]  # keys were made without it before there were such presets
        return key

    def student_of(self, texts: int) -> dict[str, Any]:
        """Return the fields of `DixtillConfig` for a student of so many training texts."""
        many = self.student_of_many if texts >= self.many_texts else {}
        return {**self.student, **many}


_PAPER_TRAINING = {
    "explanation": "attention",
    "optim": "sgd",
    "optim_args": "momentum=0.9",
    "learning_rate": 0.01,
    "lr_scheduler_type": "constant",
    "num_train_epochs": 15,
    "per_device_train_batch_size": 32,
    "per_device_eval_batch_size": 256,
    "weight_decay": 0.0,
    "max_grad_norm": 0.0,
    "max_words": 150,
}
_PAPER_STUDENT = {"embedding_dropout": 0.0, "hidden_dropout": 0.0, "word_dropout": 0.0}

PRESETS: dict[str, Preset] = {
    # The text of Cantini et al. (2024) to the letter: plain SGD with momentum, the attention scores
    # as explanation, the loss as printed, and neither dropout nor a cut of the vocabulary. Where
    # the text says nothing: batches of 32, the number that its times are given for; the student of
    # the last epoch; the sum of a word's pieces.
    "paper": Preset(
        training=_PAPER_TRAINING,
        student=_PAPER_STUDENT,
        vocabulary={"min_frequency": 1},
    ),
    # Their released notebook to the letter, where it differs from the text: τ² and the batch's mean
    # are inside the exponential, the momentum is 0.99, the attention has 50 units, a word has the
    # mean of its pieces, and the student of the epoch with the lowest validation loss is kept.
    "paper_notebook": Preset(
        training={
            **_PAPER_TRAINING,
            "optim_args": "momentum=0.99",
            "attribution_reduction": "mean",
            "keep_best_epoch": True,
        },
        student={**_PAPER_STUDENT, "attention_size": 50},
        vocabulary={"min_frequency": 1},
        methods={"dixtill": {"kd_loss": "normalized_kl_notebook"}},
    ),
    # The best found on financial tweets: the exact contributions as explanation, words seen once
    # left out of the vocabulary, four variants of every text, and n-grams where texts are many:
    # they make a student of 8,600 tweets more accurate, and the explanations of one of 2,600 and
    # fewer less like the teacher's. Fewer texts lack many words that later texts have, so their
    # students know the most frequent words of the vectors as well (research/results/known_words.md
    # and other_sets.md). The limit of the vocabulary keeps a student of millions of texts at a few
    # megabytes; the tweets do not reach it.
    "default": Preset(
        training={
            "explanation": "contributions",
            "optim": "adamw_torch_fused",
            "learning_rate": 4e-3,
            "lr_scheduler_type": "cosine",
            "per_device_eval_batch_size": 256,
            "weight_decay": 0.01,
            "max_grad_norm": 1.0,
        },
        student={"embedding_dropout": 0.2, "hidden_dropout": 0.2, "word_dropout": 0.1},
        vocabulary={"min_frequency": 2, "max_size": 30_000},
        variants=4,
        many_texts=5_000,
        student_of_many={"ngram_buckets": 4_000},
        extra_vocab_of_few=10_000,
        schedule=Schedule(),
    ),
}
"""Presets by the name that the user types."""

# A student that is not taught to explain by attention explains itself by its exact contributions.
_NO_EXPLANATION_LOSS = {"xai_weight": 0.0, "explanation": "contributions"}
METHODS: dict[str, Mapping[str, Any]] = {
    "none": {"alpha": 0.0, "kd_loss": "none", **_NO_EXPLANATION_LOSS},
    "kl": {"alpha": 0.9, "kd_loss": "kl", **_NO_EXPLANATION_LOSS},
    "mse": {"alpha": 0.9, "kd_loss": "mse", **_NO_EXPLANATION_LOSS},
    "dixtill": {"alpha": 0.9, "kd_loss": "normalized_kl", "xai_weight": 1.0},
}
"""The methods that the paper compares, as fields of `DistillationArguments`; they win over those of
the preset."""

# Word vectors that know fewer of the words of the texts are of another language: English GloVe
# knows 92 to 100 % of those of English texts, 38 to 60 % of German and 24 to 44 % of Thai ones
# (300 to 3,000 texts of seven data sets).
_SAME_LANGUAGE = 0.8


def method_settings(preset: str, method: str) -> dict[str, Any]:
    """The fields of `DistillationArguments` that a method gives under a preset."""
    return {**METHODS[method], **PRESETS[preset].methods.get(method, {})}


@dataclass(frozen=True)
class StudentSettings:
    """What a preset means for the student of given texts, before any training.

    Attributes:
        config: Fields of `DixtillConfig`: dropouts and n-grams.
        vocabulary: Arguments of `train_word_tokenizer`.
        word_vectors: Source of `load_word_vectors`, one that is there; "none" for random vectors.
        variants: Variants of every training text.
        extra_vocab_size: How many of the most frequent words of `word_vectors` are added.
        least_coverage: Share of the words of the texts that must have a vector for that.
    """

    config: Mapping[str, Any]
    vocabulary: Mapping[str, Any]
    word_vectors: str | Path
    variants: int
    extra_vocab_size: int
    least_coverage: float


def student_settings(
    preset: str,
    texts: int = 0,
    *,
    word_vectors: str | Path | None = None,
    min_frequency: int | None = None,
    ngram_buckets: int | None = None,
    variants: int | None = None,
    leave_out_words: Sequence[str] = (),
    extra_vocab_size: int | None = None,
) -> StudentSettings:
    """Choose what makes a student: the preset's values, unless others are given.

    Everything that makes students (`distill`, the commands, `build_student`) asks here, so that a
    preset is the same student everywhere. What a preset trains with, `DistillationArguments` has.

    Args:
        preset: Name in `PRESETS`.
        texts: Number of training texts, variants not counted.
        word_vectors: Source of `load_word_vectors`. Default: the preset's; if the preset's are the
            packaged GloVe and it is not installed, "none", with a warning.
        min_frequency: How often a word must occur to be known. Default: the preset's.
        ngram_buckets: Number of shared n-gram vectors. Default: the preset's for so many texts.
        variants: Variants of every training text. Default: the preset's.
        leave_out_words: Words that the vocabulary does not have. Default: none.
        extra_vocab_size: How many of the most frequent words of the word vectors are added to the
            vocabulary. Default: the preset's for so many texts, if the vectors are the preset's
            and of the language of the texts.

    Raises:
        ValueError: The preset is unknown.
    """
    check_name("preset", preset, PRESETS)
    chosen = PRESETS[preset]
    config, vocabulary = chosen.student_of(texts), dict(chosen.vocabulary)
    if ngram_buckets is not None:
        config["ngram_buckets"] = ngram_buckets
    if min_frequency is not None:
        vocabulary["min_frequency"] = min_frequency
    if leave_out_words:
        vocabulary["leave_out_words"] = leave_out_words
    vectors = _installed(chosen.word_vectors) if word_vectors is None else word_vectors
    extra, least_coverage = extra_vocab_size, 0.0
    if extra is None:
        are_few = texts < chosen.many_texts and vectors == chosen.word_vectors
        extra = chosen.extra_vocab_of_few if are_few else 0
        least_coverage = _SAME_LANGUAGE
    return StudentSettings(
        config,
        vocabulary,
        vectors,
        chosen.variants if variants is None else variants,
        extra,
        least_coverage,
    )


def _installed(word_vectors: str) -> str:
    """The word vectors of a preset; random ones instead of a packaged GloVe that is missing."""
    if word_vectors != PACKAGED_GLOVE or has_packaged_glove():
        return word_vectors
    _warn_of_random_vectors()
    return NO_VECTORS


@cache
def _warn_of_random_vectors() -> None:
    """Warn once in a process. The figures are those of benchmarks/results/held_out.md."""
    logger.warning(
        "The preset's word vectors, the packaged GloVe, are not installed (the package exists for "
        "Python 3.11 only): the embedding starts from random vectors. With 8,589 training texts "
        "this cost 0.6 points of accuracy, 1.1 of macro F1, and the divergence from the teacher "
        "rose from 0.100 to 0.116. Install dixtill_hf[embedded] on Python 3.11, or give "
        "word_vectors a file (a GloVe, word2vec or fastText text file); 'none' silences this "
        "warning."
    )
