# SPDX-License-Identifier: Apache-2.0
"""Load the teacher of a run, fine-tuning it first if it is a bare encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from dixtill_hf.data.columns import LABEL, TEXT
from dixtill_hf.data.conventions import find_label_columns, find_text_column
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.problem_types import SINGLE_LABEL
from dixtill_hf.data.sources import read_source
from dixtill_hf.evaluation.efficiency import directory_bytes
from dixtill_hf.teacher.adapters import is_adapter
from dixtill_hf.teacher.ensemble import TeacherEnsemble, cross_fit, hash_of
from dixtill_hf.teacher.finetuning import FinetuningSettings, finetune_teacher
from dixtill_hf.teacher.loading import Teacher, load_teacher
from dixtill_hf.teacher.prompted.teacher import PromptedTeacher
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import RunData
from dixtill_hf.workflow.recipe import TeacherArguments


@dataclass(frozen=True)
class RunTeacher:
    """The teacher of a run, ready to be asked.

    Attributes:
        name: What a report calls it.
        model: The teacher, or with `teacher_folds` the teachers of the folds.
        finetuned: Whether it was fine-tuned here.
    """

    name: str
    model: Teacher | TeacherEnsemble
    finetuned: bool

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that its predictions and explanations depend on."""
        return hash_of(self.model)

    @property
    def members(self) -> Sequence[Teacher]:
        """The teacher, or the teachers of the folds."""
        return self.model.members if isinstance(self.model, TeacherEnsemble) else (self.model,)

    @property
    def num_bytes(self) -> int:
        """Bytes of what inference needs; of a teacher in the Hub's cache, of its weights."""
        return sum(map(_bytes_of, self.members))


def prepare_teacher(context: RunContext, data: RunData) -> RunTeacher:
    """Load the teacher of a run, fine-tuning it first if it is a bare encoder.

    Raises:
        ValueError: Its labels do not match those of the data, or as `finetune_teacher` says.
        OSError: It cannot be read.
    """
    arguments, source = context.recipe.teacher, context.teacher_source
    if source.prompted:
        return RunTeacher(source.name, _prompted(source.path, arguments, data), finetuned=False)
    if source.fine_tuned:
        teacher = load_teacher(
            source.path,
            label_names(data.splits),
            arguments.label_map,
            problem_type=data.problem_type.name,
        )
        return RunTeacher(source.name, teacher, finetuned=False)
    settings = FinetuningSettings(
        epochs=arguments.teacher_epochs,
        learning_rate=arguments.teacher_learning_rate,
        batch_size=arguments.teacher_batch_size,
        max_length=arguments.teacher_max_length,
        seed=arguments.teacher_seed,
    )
    given = [data.fingerprint, arguments.teacher, asdict(settings)]
    directory, folds = context.output_dir / "teacher", arguments.teacher_folds
    if folds:
        with context.cache.timed("finetune", [*given, folds]):
            ensemble = cross_fit(data.splits, source.path, directory, folds, settings)
        return RunTeacher(source.name, ensemble, finetuned=True)
    with context.cache.timed("finetune", given):
        finetune_teacher(data.splits, source.path, directory, settings)
    names, problem_type = label_names(data.splits), data.problem_type.name
    teacher = load_teacher(directory, names, problem_type=problem_type)
    return RunTeacher(source.name, teacher, finetuned=True)


def _prompted(path: str | Path, arguments: TeacherArguments, data: RunData) -> PromptedTeacher:
    if data.problem_type.name != SINGLE_LABEL:
        raise ValueError(
            "A language model with an instruction gives a text one label, and these data are of "
            f"the problem type {data.problem_type.name}: name a fine-tuned teacher, or an encoder."
        )
    examples: list[tuple[str, str]] = []
    if arguments.examples is not None:
        shown = read_examples(arguments.examples)
        examples = list(zip(shown[TEXT], shown[LABEL], strict=True))
    return PromptedTeacher(
        path,
        label_names(data.splits),
        arguments.instruction or "",
        examples=examples,
        verbalizers=arguments.verbalizers,
        calibrate=arguments.calibrate,
    )


def read_examples(source: str) -> dict[str, list[str]]:
    """The texts and the names of their labels in a file of examples for a prompt.

    Raises:
        ValueError: It has no columns of texts and labels.
        FileNotFoundError: There is no such file.
    """
    (split,) = read_source(source).values()
    text = find_text_column(split.column_names, None, "train")
    (label,) = find_label_columns(split.column_names, None, "train")
    return {TEXT: split[text][:], LABEL: [str(name) for name in split[label]]}


def _bytes_of(teacher: Teacher) -> int:
    path = Path(teacher.name)
    if path.is_dir() and not is_adapter(path):
        return directory_bytes(path)
    if path.is_file():
        return path.stat().st_size
    return sum(p.numel() * p.element_size() for p in teacher.model.parameters())
