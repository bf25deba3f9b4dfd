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
from dixtill_hf.workflow.inputs import explainer_of, split_names
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


def check_explained_variants(arguments: StudentArguments) -> None:
    """Refuse to have more variants explained than there are, or for nobody.

    Raises:
        ValueError: No method learns from explanations, or a preset has fewer variants.
    """
    explained = arguments.explained_variants
    if not explained:
        return
    methods = split_names(arguments.methods) or []
    if not any(METHODS[method]["xai_weight"] > 0 for method in methods):
        raise ValueError(
            f"explained_variants is {explained}, and none of the methods {arguments.methods} "
            "learns from explanations: add dixtill, or leave explained_variants out."
        )
    fewest = min(numbers_of_variants(arguments), default=0)
    if explained > fewest:
        raise ValueError(
            f"explained_variants must be 0 to the variants of every text, {fewest} here, "
            f"got {explained}."
        )


def transfer_directory(output_dir: Path, variants: int, explained: int = 0) -> Path:
    """Where the variants of a run's texts lie, so many of each, so many of them explained."""
    name = f"{variants}-explained-{explained}" if explained else str(variants)
    return output_dir / "variants" / name


def label_variants_of(
    train: Dataset,
    variants: int,
    explained: int,
    arguments: AnnotationArguments,
    teacher: Teacher | TeacherEnsemble,
    output_dir: Path,
    log: StageLog,
) -> Path:
    """Make so many variants of each text and have the teacher label them, once.

    Returns:
        Where they lie.
    """
    explainer = explainer_of(arguments)
    key = [hash_texts(train[TEXT][:]), hash_of(teacher)]
    if explained:
        key.append(hash_json(explainer.settings()))
    directory = transfer_directory(output_dir, variants, explained)

    def make(path: Path) -> None:
        labelled = label_variants(
            train,
            teacher,
            variants,
            explained=explained,
            explainer=explainer,
            tokens_per_batch=arguments.tokens_per_batch,
            cache_dir=output_dir / "cache" / "annotations",
        )
        labelled.save_to_disk(str(path))

    with log.timed("variants", hash_json([directory.name, *key])):
        return MeasurementStore(directory.parent).directory_once(directory.name, key, make)
