# SPDX-License-Identifier: Apache-2.0
"""The stages before any student: the data, the teacher, and the teacher's annotation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from datasets import Dataset, DatasetDict, load_from_disk

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.annotator import ENGINE_VERSION
from dixtill_hf.annotation.ensemble import annotate_cross_fitted
from dixtill_hf.artifacts.files import write_json
from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.data.checks import check_classes
from dixtill_hf.data.columns import LABEL, RATIONALE, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.loading import load_text_classification
from dixtill_hf.data.packaged import packaged_encoder
from dixtill_hf.data.splitting import hold_out
from dixtill_hf.data.unlabelled import add_unlabelled_texts
from dixtill_hf.explainers.base import Explainer, get_explainer
from dixtill_hf.teacher.ensemble import TeacherEnsemble, cross_fit, hash_of
from dixtill_hf.teacher.finetuning import FinetuningSettings, finetune_teacher
from dixtill_hf.teacher.label_matching import parse_label_map
from dixtill_hf.teacher.loading import (
    Teacher,
    has_classification_head,
    load_config,
    load_teacher,
)
from dixtill_hf.workflow.recipe import (
    AnnotationArguments,
    DataArguments,
    TeacherArguments,
)
from dixtill_hf.workflow.stages import StageLog

PACKAGED_NAME = "all-MiniLM-L6-v2"
PACKAGED_HUB_ID = f"sentence-transformers/{PACKAGED_NAME}"
ANNOTATION_RECORD = "annotation.json"
_FINETUNING = (
    "teacher_epochs",
    "teacher_learning_rate",
    "teacher_batch_size",
    "teacher_max_length",
    "teacher_seed",
    "teacher_folds",
)


def load_data(
    arguments: DataArguments, require_test: bool = True, keep_columns: Sequence[str] = ()
) -> DatasetDict:
    """Read and check the data of a recipe: `load_text_classification`, `add_unlabelled_texts`.

    Args:
        arguments: The data's part of a recipe.
        require_test: Whether the lack of a test split is an error.
        keep_columns: What an explainer reads of the data.

    Raises:
        ValueError: The data fail a check, or a subset of them would be too small.
    """
    for name in ("max_train_texts", "max_test_texts"):
        value = getattr(arguments, name)
        if value is not None and value < 2:
            raise ValueError(f"{name} must be at least 2, got {value}.")
    data = load_text_classification(
        arguments.source,
        text_column=arguments.text_column,
        label_column=arguments.label_column,
        label_names=split_names(arguments.label_names),
        test_source=arguments.test_source,
        validation_fraction=arguments.validation_fraction,
        test_fraction=arguments.test_fraction,
        seed=arguments.data_seed,
        config_name=arguments.config_name,
        require_test=require_test,
        splits=parse_splits(arguments.splits),
        unlabelled=arguments.unlabelled,
        keep_columns=keep_columns,
    )
    if arguments.max_train_texts is not None:
        data["train"] = _subset(data["train"], arguments.max_train_texts, arguments.data_seed)
        if not arguments.unlabelled:
            check_classes(data)  # a rare label may have been left out
    if arguments.unlabelled_source is not None:  # while all texts of the test split are known
        data = add_unlabelled_texts(data, arguments.unlabelled_source, arguments.text_column)
    if arguments.max_test_texts is not None and "test" in data:
        data["test"] = _subset(data["test"], arguments.max_test_texts, arguments.data_seed)
    return data


def _subset(split: Dataset, size: int, seed: int) -> Dataset:
    """A stratified random subset of a split, with a text of every label.

    The whole split where it is no larger; a few texts more where there are very many labels.
    """
    return hold_out(split, 1 - size / len(split), seed)[0] if size < len(split) else split


def data_fingerprint(data: DatasetDict) -> str:
    """Hash of the texts, labels, rationales, further columns and label names of all splits."""
    return hash_json(
        {
            "labels": label_names(data),
            **{
                name: [
                    hash_texts(split[TEXT]),
                    hash_json(list(split[LABEL])),
                    hash_json(list(split[RATIONALE]) if RATIONALE in split.column_names else None),
                    *(
                        hash_json([column, list(split[column])])
                        for column in sorted({*split.column_names} - {TEXT, LABEL, RATIONALE})
                    ),
                ]
                for name, split in data.items()
            },
        }
    )


def prepare_teacher(
    arguments: TeacherArguments, data: DatasetDict, output_dir: Path, log: StageLog
) -> tuple[Teacher | TeacherEnsemble, bool]:
    """Load the teacher of a recipe, fine-tuning it first if it is a bare encoder.

    Returns:
        The teacher, or several with `teacher_folds`, and whether it was fine-tuned here.

    Raises:
        ValueError: A setting has no effect on this teacher, or its labels do not match.
    """
    check_teacher(arguments)
    source = teacher_source(arguments)
    if is_fine_tuned(arguments):
        label_map = parse_label_map(arguments.label_map) if arguments.label_map else None
        return load_teacher(source, label_names(data), label_map), False
    settings = FinetuningSettings(
        epochs=arguments.teacher_epochs,
        learning_rate=arguments.teacher_learning_rate,
        batch_size=arguments.teacher_batch_size,
        max_length=arguments.teacher_max_length,
        seed=arguments.teacher_seed,
    )
    given = [data_fingerprint(data), arguments.teacher, asdict(settings)]
    directory, folds = output_dir / "teacher", arguments.teacher_folds
    if folds:
        with log.timed("finetune", hash_json([*given, folds])):
            return cross_fit(data, source, directory, folds, settings), True
    with log.timed("finetune", hash_json(given)):
        finetune_teacher(data, source, directory, settings)
    return load_teacher(directory, label_names(data)), True


def check_teacher(arguments: TeacherArguments) -> None:
    """Refuse settings that the teacher of a recipe would not heed.

    Raises:
        ValueError: Fine-tuning is described for a teacher that is fine-tuned already, or a label
            map is given for one that gets the data's labels here.
        OSError: The teacher cannot be read.
    """
    if not is_fine_tuned(arguments):
        if arguments.label_map:
            raise ValueError(
                f"label_map={arguments.label_map!r} is for a teacher that has labels of its own, "
                f"and {arguments.teacher!r} gets the data's labels as it is fine-tuned: leave it "
                "out."
            )
        return
    defaults = TeacherArguments()
    unheeded = [n for n in _FINETUNING if getattr(arguments, n) != getattr(defaults, n)]
    if unheeded:
        raise ValueError(
            f"{', '.join(unheeded)}: for fine-tuning, and {arguments.teacher!r} is fine-tuned "
            "already. Leave it out, or have the teacher fine-tuned once more on the data with "
            "teacher_finetune."
        )


def is_fine_tuned(arguments: TeacherArguments) -> bool:
    """Whether the teacher of a recipe is asked as it is, and not fine-tuned first."""
    if is_packaged(arguments) or arguments.teacher_finetune:
        return False
    return has_classification_head(load_config(teacher_source(arguments)))


def teacher_name(arguments: TeacherArguments) -> str:
    """What a report calls the teacher."""
    name = PACKAGED_NAME if is_packaged(arguments) else arguments.teacher
    folds = arguments.teacher_folds
    return f"{name} (mean of {folds})" if folds else name


def is_packaged(arguments: TeacherArguments) -> bool:
    """Whether the teacher is the encoder of the extra `embedded`."""
    return arguments.teacher == "packaged"


def teacher_source(arguments: TeacherArguments) -> str | Path:
    """Where the teacher of a recipe is, or what becomes it."""
    return packaged_encoder() if is_packaged(arguments) else arguments.teacher


def annotate_data(
    arguments: AnnotationArguments,
    data: DatasetDict,
    teacher: Teacher | TeacherEnsemble,
    output_dir: Path,
    log: StageLog,
) -> tuple[DatasetDict, str]:
    """Annotate every split and keep the result as `annotated/`, ready for `load_from_disk`.

    Several processes share the work, if each of them makes the call; the main one keeps the result,
    and none goes on before it is there.

    Returns:
        The annotated splits, and the hash of all that they depend on.
    """
    explainer = explainer_of(arguments)
    key = hash_json(
        [ENGINE_VERSION, data_fingerprint(data), hash_of(teacher), explainer.settings()]
    )
    directory = output_dir / "annotated"
    if log.processes.from_main(lambda: _read_key(directory) or "") == key:
        with log.timed("annotate", key):
            return load_from_disk(str(directory)), key
    how: dict[str, Any] = {
        "tokens_per_batch": arguments.tokens_per_batch,
        "cache_dir": output_dir / "cache" / "annotations",
    }
    with log.timed("annotate", key):
        if isinstance(teacher, TeacherEnsemble):
            annotated = annotate_cross_fitted(data, teacher, explainer, **how)
        else:
            annotated = annotate(data, teacher, explainer, **how)
    record = {"fingerprint": key, "explainer": explainer.settings()}
    log.processes.from_main(lambda: _keep(annotated, directory, record))
    return annotated, key


def load_annotated(directory: str | Path, split: str) -> DatasetDict:
    """Annotated splits that were saved, of which one is needed.

    Raises:
        FileNotFoundError: There is no saved dataset.
        ValueError: It is one without splits, or without this one.
    """
    data = load_from_disk(str(directory))
    if not isinstance(data, DatasetDict):
        raise ValueError(
            f"{str(directory)!r} holds a dataset without splits: save it as "
            f"DatasetDict({{{split!r}: dataset}}).save_to_disk(...)."
        )
    if split not in data:
        raise ValueError(f"There is no split {split!r}, only {', '.join(data)}.")
    return data


def _keep(annotated: DatasetDict, directory: Path, record: dict[str, Any]) -> str:
    """Save the annotated splits, so that they are there whole or not at all; returns where."""
    unfinished = directory.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    annotated.save_to_disk(str(unfinished))
    write_json(unfinished / ANNOTATION_RECORD, record)
    shutil.rmtree(directory, ignore_errors=True)
    unfinished.replace(directory)
    return str(directory)


def _read_key(directory: Path) -> str | None:
    """What the annotation in a directory depends on; None where there is none."""
    path = directory / ANNOTATION_RECORD
    return json.loads(path.read_text(encoding="utf-8"))["fingerprint"] if path.is_file() else None


def explainer_of(arguments: AnnotationArguments) -> Explainer:
    """The explainer of a recipe, with the settings that the recipe gives and its own defaults.

    Raises:
        ValueError: The explainer or a setting of it is unknown, or out of range.
    """
    given = {name: getattr(arguments, name) for name in ("steps", "output", "target")}
    settings = {name: value for name, value in given.items() if value is not None}
    for part in split_names(arguments.explainer_settings) or []:
        name, separator, value = part.partition("=")
        if not separator:
            raise ValueError(
                "explainer_settings must look like 'samples=64,seed=1', "
                f"got {arguments.explainer_settings!r}."
            )
        settings[name.strip()] = yaml.safe_load(value)
    return get_explainer(arguments.explainer, **settings)


def split_names(text: str | None) -> list[str] | None:
    """`'a, b'` → `['a', 'b']`; None stays None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def parse_splits(text: str | None) -> dict[str, str] | None:
    """`'test=validation'` → `{'test': 'validation'}`.

    Raises:
        ValueError: A part is not of the form `ours=theirs`.
    """
    if text is None:
        return None
    pairs = [part.split("=") for part in text.split(",")]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"splits must look like 'test=validation', got {text!r}.")
    return {ours.strip(): theirs.strip() for ours, theirs in pairs}
