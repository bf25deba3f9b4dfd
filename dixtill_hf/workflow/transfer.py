# SPDX-License-Identifier: Apache-2.0
"""The transfer sets of a run: variants of its training texts that the teacher has labelled."""

from __future__ import annotations

from pathlib import Path

from datasets import Dataset

from dixtill_hf.data.columns import TEXT
from dixtill_hf.distillation.presets import METHODS, PRESETS
from dixtill_hf.distillation.transfer_set import label_variants
from dixtill_hf.teacher.cross_fitting import TeacherEnsemble, hash_of
from dixtill_hf.teacher.fingerprint import hash_json, hash_texts
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.inputs import split_names
from dixtill_hf.workflow.measurement_store import MeasurementStore
from dixtill_hf.workflow.recipe import AnnotationArguments, StudentArguments
from dixtill_hf.workflow.stages import StageLog


def variants_of(arguments: StudentArguments, preset: str, method: str) -> int:
    """Variants of every training text that a student learns from; none without the teacher."""
    if METHODS[method]["alpha"] == 0:
        return 0
    return PRESETS[preset].variants if arguments.variants is None else arguments.variants


def numbers_of_variants(arguments: StudentArguments) -> set[int]:
    """How many variants of each text the students of a recipe need, above 0."""
    presets, methods = split_names(arguments.presets) or [], split_names(arguments.methods) or []
    found = {variants_of(arguments, preset, method) for preset in presets for method in methods}
    return found - {0}


def transfer_directory(output_dir: Path, variants: int) -> Path:
    """Where the variants of a run's texts lie, so many of each."""
    return output_dir / "variants" / str(variants)


def label_variants_of(
    train: Dataset,
    variants: int,
    arguments: AnnotationArguments,
    teacher: Teacher | TeacherEnsemble,
    output_dir: Path,
    log: StageLog,
) -> None:
    """Make so many variants of each text and have the teacher label them, once."""
    key = [hash_texts(train[TEXT][:]), hash_of(teacher)]
    directory = transfer_directory(output_dir, variants)

    def make(path: Path) -> None:
        labelled = label_variants(
            train,
            teacher,
            variants,
            tokens_per_batch=arguments.tokens_per_batch,
            cache_dir=output_dir / "cache" / "annotations",
        )
        labelled.save_to_disk(str(path))

    with log.timed("variants", hash_json([variants, *key])):
        MeasurementStore(directory.parent).directory_once(directory.name, key, make)
