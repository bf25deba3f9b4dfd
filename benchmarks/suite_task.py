# SPDX-License-Identifier: Apache-2.0
"""A task of the suite: its texts, its teacher, its annotations, and a model that learned it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from numpy.typing import NDArray

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.data.columns import LABEL, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.packaged import packaged_encoder
from dixtill_hf.data.splitting import hold_out, seeded_sample
from dixtill_hf.distillation.augmentation import label_variants
from dixtill_hf.evaluation.classifiers import PyTorchClassifier, predict_probabilities
from dixtill_hf.pretraining.sentence_encoder import SentenceEncoder
from dixtill_hf.teacher.finetuning import finetune_teacher
from dixtill_hf.teacher.loading import Teacher, load_teacher

VARIANTS = 4

Predict = Callable[[Sequence[str]], NDArray[np.integer]]
"""From texts to the positions of the predicted labels."""


@dataclass(frozen=True)
class Fitted:
    """A trained model.

    Attributes:
        predict: Predicts labels.
        bytes: Its size as files.
        further: Further figures for the record.
    """

    predict: Predict
    bytes: int
    further: dict[str, Any]


@dataclass
class Task:
    """A data set cut to a number of texts, its teacher and its annotations, made when asked for.

    Attributes:
        name: Name of the data set.
        size: Texts to learn from, validation included; 0 for all.
        data: Splits `train` and `validation`, which models learn and choose from, and `scored`.
        encoder: What the teacher is fine-tuned from.
        student_start: Pretrained student that students start from, or None.
        max_bytes: Size of the students in integers.
        directory: Where teacher and annotations are kept.
    """

    name: str
    size: int
    data: DatasetDict
    encoder: str | Path
    student_start: str | None
    max_bytes: int
    directory: Path

    @classmethod
    def of(cls, name: str, data: DatasetDict, size: int, scored: str, **settings: Any) -> Task:
        """Cut a data set: a random part of the texts, a tenth of which is for validation."""
        rows = seeded_sample(data["train"], size) if size else data["train"]
        train, validation = hold_out(rows, 0.1, seed=0)
        splits = DatasetDict(train=train, validation=validation, scored=data[scored])
        if settings["encoder"] == "packaged":
            settings["encoder"] = packaged_encoder()
        return cls(name, size, splits, **settings)

    @property
    def fingerprint(self) -> str:
        """Hash of the texts and labels."""
        texts = [[hash_texts(split[TEXT]), list(split[LABEL])] for split in self.data.values()]
        return hash_json([texts, label_names(self.data["train"])])

    @cached_property
    def teacher(self) -> Teacher:
        """The teacher, fine-tuned with the defaults."""
        splits = DatasetDict({name: self.data[name] for name in ("train", "validation")})
        directory = finetune_teacher(splits, self.encoder, self.directory / "teacher")
        return load_teacher(directory, label_names(self.data["train"]))

    @cached_property
    def annotated(self) -> DatasetDict:
        """The splits with the teacher's logits; those of train with its attributions too."""
        cache = self.directory / "annotations"
        return DatasetDict(
            train=annotate(self.data["train"], self.teacher, cache_dir=cache),
            scored=annotate(self.data["scored"], self.teacher, "none", cache_dir=cache),
        )

    @cached_property
    def variants(self) -> Dataset:
        """Variants of the training texts that the teacher has labelled."""
        cache = self.directory / "annotations"
        return label_variants(self.data["train"], self.teacher, VARIANTS, cache_dir=cache)

    @cached_property
    def sentence_encoder(self) -> SentenceEncoder:
        """The encoder before it is fine-tuned."""
        return SentenceEncoder(self.encoder)


def best_labels(model: PyTorchClassifier) -> Predict:
    """How a classifier predicts the most probable label of each text."""
    return lambda texts: predict_probabilities(model, list(texts)).argmax(-1)
