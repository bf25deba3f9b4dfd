# SPDX-License-Identifier: Apache-2.0
"""Several teachers, each of which has left out one fold of the training texts.

A teacher has nearly memorised the texts that it was fine-tuned on: its predictions for them differ
from those for new texts. So every training text is labelled and explained by the teacher that
has not seen it (cross-fitting; the out-of-fold predictions of stacked generalization, Wolpert,
1992), and all other texts by the mean of all teachers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from datasets import Dataset, DatasetDict

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.data.label_column import problem_type_of
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.problem_types import SINGLE_LABEL
from dixtill_hf.data.splitting import assign_folds
from dixtill_hf.teacher.finetuning import finetune_teacher
from dixtill_hf.teacher.finetuning_trainer import FinetuningSettings
from dixtill_hf.teacher.fingerprint import hash_teacher
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
        folds: Number of folds, at least 2. Default 5.
        settings: Settings of the fine-tuning; its seed is that of the first member, and of the
            folds. Defaults to `FinetuningSettings()`.

    Raises:
        ValueError: There are fewer than 2 folds or too few texts, texts do not have one label each,
            or for the reasons of `finetune_teacher`.
        OSError: The encoder cannot be read.
    """
    settings = settings or FinetuningSettings()
    train = dataset["train"].with_format(None)
    problem = problem_type_of(train)
    if problem is not None and problem.name != SINGLE_LABEL:
        raise ValueError(
            "Teachers of folds (cross_fit, teacher_folds) are for texts with one label each, and "
            f"these data are of the problem type {problem.name}: fine-tune one teacher."
        )
    fold_of = assign_folds(train, folds, settings.seed)
    members = []
    for fold in range(folds):
        seen = [row for row, own in enumerate(fold_of) if own != fold]
        data = DatasetDict(train=train.select(seen), validation=dataset["validation"])
        own = replace(settings, seed=settings.seed + fold)
        directory = finetune_teacher(data, encoder, Path(output_dir) / f"fold-{fold}", own)
        members.append(load_teacher(directory, label_names(train)))
    return TeacherEnsemble(tuple(members), tuple(fold_of))
