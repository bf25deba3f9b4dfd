# SPDX-License-Identifier: Apache-2.0
"""Settings that go together: the paper's own, those found best, and the methods to compare."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """How long a student is trained, and in which batches, by the number of its texts.

    Twice the texts are seen two thirds as often. The values were found with 257 to 43,000 tweets.

    Attributes:
        epochs: Of 10,000 texts.
        exponent: Of the number of texts; 1 would be the same number of steps for all.
        limits: Fewest and most epochs.
        batch_sizes: Texts per step on all devices together, of few and of many texts.
        many: From how many texts on they are many.
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
    """How a student is made and trained.

    Attributes:
        training: Fields of `DistillationArguments`.
        student: Fields of `DixtillConfig`.
        vocabulary: Arguments of `train_word_tokenizer`.
        variants: Variants of every training text that the teacher labels for the student.
        many_texts: From how many training texts on, variants apart, they are many.
        student_of_many: What differs in `student` where they are.
        schedule: What of the training depends on the number of texts; None where nothing does.
    """

    training: Mapping[str, Any]
    student: Mapping[str, Any]
    vocabulary: Mapping[str, Any]
    variants: int = 0
    many_texts: int = 0
    student_of_many: Mapping[str, Any] = field(default_factory=dict)
    schedule: Schedule | None = None

    def student_of(self, texts: int) -> dict[str, Any]:
        """The fields of `DixtillConfig` for a student of so many training texts."""
        many = self.student_of_many if texts >= self.many_texts else {}
        return {**self.student, **many}


PRESETS: dict[str, Preset] = {
    # Cantini et al. (2024): plain SGD with momentum, the attention scores as explanation, and
    # neither dropout nor a cut of the vocabulary.
    "paper": Preset(
        training={
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
        },
        student={"embedding_dropout": 0.0, "hidden_dropout": 0.0, "word_dropout": 0.0},
        vocabulary={"min_frequency": 1},
    ),
    # The best found on financial tweets: the exact contributions as explanation, words seen once
    # left out of the vocabulary, four variants of every text, and n-grams where texts are many:
    # they make a student of 8,600 tweets more accurate, and the explanations of one of 2,600 and
    # fewer less like the teacher's. The limit of the vocabulary keeps a student of millions of
    # texts at a few megabytes; the tweets do not reach it.
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
        schedule=Schedule(),
    ),
}
"""Presets by the name that the user types."""

METHODS: dict[str, Mapping[str, Any]] = {
    "none": {"alpha": 0.0, "kd_loss": "none", "xai_weight": 0.0},
    "kl": {"alpha": 0.9, "kd_loss": "kl", "xai_weight": 0.0},
    "mse": {"alpha": 0.9, "kd_loss": "mse", "xai_weight": 0.0},
    "dixtill": {"alpha": 0.9, "kd_loss": "normalized_kl", "xai_weight": 1.0},
}
"""The methods that the paper compares, as fields of `DistillationArguments`."""
