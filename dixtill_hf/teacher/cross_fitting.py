# SPDX-License-Identifier: Apache-2.0
"""Several teachers, each of which has left out one fold of the training texts.

A teacher knows the texts that it was fine-tuned on nearly by heart: what it says of them is not
what it would say of new ones. So every training text is labelled and explained by the teacher that
has not seen it (cross-fitting; the out-of-fold predictions of stacked generalization, Wolpert,
1992), and all other texts by the mean of all teachers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict, concatenate_datasets

from dixtill_hf.data.columns import LABEL, TEACHER_LOGITS, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.splitting import assign_folds
from dixtill_hf.teacher.annotation.annotate import annotate
from dixtill_hf.teacher.annotation.averaging import average_annotations
from dixtill_hf.teacher.explainers.base import Explainer
from dixtill_hf.teacher.explainers.registry import get_explainer
from dixtill_hf.teacher.explainers.targets import TargetedExplainer
from dixtill_hf.teacher.finetuning import finetune_teacher
from dixtill_hf.teacher.finetuning_trainer import FinetuningSettings
from dixtill_hf.teacher.fingerprint import hash_json, hash_teacher
from dixtill_hf.teacher.loading import Teacher, load_teacher


@dataclass(frozen=True)
class TeacherEnsemble:
    """Teachers of one kind, and which of them has not seen which training text.

    Attributes:
        members: The teachers, with the same tokenizer and labels.
        folds: For every training text the position of the member that has not seen it.
    """

    members: tuple[Teacher, ...]
    folds: tuple[int, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of all that its answers depend on."""
        return hash_json([[hash_teacher(member) for member in self.members], self.folds])

    def parts(self, train: Dataset) -> Iterator[tuple[Teacher, list[int]]]:
        """Each member with the rows of the training texts that it has not seen.

        Raises:
            ValueError: These are not as many texts as the members were told of.
        """
        if len(train) != len(self.folds):
            raise ValueError(
                f"The teachers were fine-tuned on folds of {len(self.folds)} training texts, these "
                f"are {len(train)}: give the texts that cross_fit was given, in the same order."
            )
        for number, member in enumerate(self.members):
            yield member, [row for row, fold in enumerate(self.folds) if fold == number]


def hash_of(teacher: Teacher | TeacherEnsemble) -> str:
    """Hash of all that the answers of a teacher, or of several, depend on."""
    return teacher.fingerprint if isinstance(teacher, TeacherEnsemble) else hash_teacher(teacher)


def cross_fit(
    dataset: DatasetDict,
    encoder: str | Path,
    output_dir: str | Path,
    folds: int = 5,
    settings: FinetuningSettings | None = None,
) -> TeacherEnsemble:
    """Fine-tune an encoder once for every fold of the training texts, on all the others.

    What is finished is found again, and what was interrupted goes on, as with `finetune_teacher`.
    The members start from different seeds.

    Args:
        dataset: Splits `train` and `validation` with columns `text` and `label`.
        encoder: Hub id or directory of a pretrained encoder.
        output_dir: The members are saved here, as `fold-0`, `fold-1`, ...
        folds: How many, at least 2. Default 5.
        settings: Of the fine-tuning; its seed is that of the first member, and of the folds.
            Defaults to `FinetuningSettings()`.

    Raises:
        ValueError: There are fewer than 2 folds or too few texts, or as `finetune_teacher` says.
        OSError: The encoder cannot be read.
    """
    settings = settings or FinetuningSettings()
    train = dataset["train"].with_format(None)
    fold_of = assign_folds(train, folds, settings.seed)
    members = []
    for fold in range(folds):
        seen = [row for row, own in enumerate(fold_of) if own != fold]
        data = DatasetDict(train=train.select(seen), validation=dataset["validation"])
        own = replace(settings, seed=settings.seed + fold)
        directory = finetune_teacher(data, encoder, Path(output_dir) / f"fold-{fold}", own)
        members.append(load_teacher(directory, label_names(train)))
    return TeacherEnsemble(tuple(members), tuple(fold_of))


def annotate_cross_fitted(
    data: DatasetDict,
    ensemble: TeacherEnsemble,
    explainer: str | Explainer = "integrated_gradients",
    **options: Any,
) -> DatasetDict:
    """Annotate every training text by the member that has not seen it, all others by the mean.

    The mean of the members' explanations is that of their mean output where logits or margins are
    explained (the default), since attributions of a sum are the sum of attributions.

    Args:
        data: The split `train` that the members were made from, and any others.
        ensemble: From `cross_fit`.
        explainer: Name in the registry, or an explainer with its settings. In the splits beside
            `train` the predicted label is the ensemble's.
        **options: As for `annotate`: `tokens_per_batch`, `cache_dir`, settings of the explainer.

    Returns:
        The data with the columns of `annotate` added.

    Raises:
        ValueError: `train` is not as long as that of `cross_fit`, or as `annotate` says.
    """
    shared = {name: options.pop(name, None) for name in ("tokens_per_batch", "cache_dir")}
    method = get_explainer(explainer, **options)
    return DatasetDict(
        {
            name: _out_of_fold(split, ensemble, method, shared)
            if name == "train"
            else _by_all(split, name, ensemble, method, shared)
            for name, split in data.items()
        }
    )


def _out_of_fold(
    train: Dataset, ensemble: TeacherEnsemble, explainer: Explainer, shared: dict[str, Any]
) -> Dataset:
    parts, rows = [], []
    for number, (member, unseen) in enumerate(ensemble.parts(train)):
        name = f"train, fold {number}"
        part = DatasetDict({name: train.select(unseen)})
        parts.append(annotate(part, member, explainer, **shared)[name])
        rows += unseen
    return concatenate_datasets(parts).select(np.argsort(rows))


def _by_all(
    split: Dataset,
    name: str,
    ensemble: TeacherEnsemble,
    explainer: Explainer,
    shared: dict[str, Any],
) -> Dataset:
    """The mean annotation; all members explain the label that their mean predicts."""

    def by_each(rows: Dataset, method: str | Explainer) -> list[Dataset]:
        named = DatasetDict({name: rows})
        return [annotate(named, member, method, **shared)[name] for member in ensemble.members]

    texts = split.select_columns([TEXT])
    logits = np.mean([np.asarray(said[TEACHER_LOGITS]) for said in by_each(texts, "none")], 0)
    labels = logits.reshape(len(split), -1).argmax(-1)
    if not isinstance(explainer, TargetedExplainer) or explainer.explains_all_labels:
        return average_annotations(by_each(split, explainer), labels)
    if explainer.target == "true":
        given = np.asarray([-1 if label is None else label for label in split[LABEL]])
        labels = np.where(given >= 0, given, labels)
    asked = split.remove_columns([c for c in (LABEL,) if c in split.column_names])
    asked = asked.add_column(LABEL, labels)
    answered = average_annotations(by_each(asked, replace(explainer, target="true")))
    answered = answered.remove_columns(LABEL)
    if LABEL not in split.column_names:
        return answered
    return answered.add_column(LABEL, split[LABEL][:], feature=split.features[LABEL])
