# SPDX-License-Identifier: Apache-2.0
"""Which students a recipe asks for, each with all that it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.data.columns import TEXT
from dixtill_hf.data.names import check_name
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.building import student_vocabulary
from dixtill_hf.distillation.presets import METHODS, PRESETS, student_settings
from dixtill_hf.student.word_vectors import NO_VECTORS
from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.variant_stage import (
    check_explained_variants,
    check_replacement_words,
    variant_settings,
)
from dixtill_hf.workflow.word_vector_stage import (
    check_word_vectors,
    chosen_word_vectors,
    identify_word_vectors,
)

# Raised when the same settings come to give another student.
TRAINING_VERSION = 1
_LEAST = {
    "seeds": 1,
    "embedding_size": 1,
    "hidden_size": 1,
    "ngram_buckets": 0,
    "workers": 0,
    "variants": 0,
    "explained_variants": 0,
    "extra_vocab_size": 0,
    "replacement_words": 0,
}


@dataclass(frozen=True)
class StudentJob:
    """One student to train.

    Attributes:
        preset: Name in `PRESETS`.
        method: Name in `METHODS`.
        seed: Of the weights, the order of the texts and the dropouts.
        annotated: Directory of the annotated splits.
        directory: Where the student and its result go.
        transfer: Directory of the variants that the teacher has labelled; None where the student
            learns from the texts alone.
        arguments: The students' part of the recipe.
        fingerprint: Hash of all that the student depends on.
    """

    preset: str
    method: str
    seed: int
    annotated: Path
    directory: Path
    transfer: Path | None
    arguments: StudentArguments
    fingerprint: str


def student_jobs(
    arguments: StudentArguments, annotated: Path, annotation_key: str, output_dir: Path
) -> list[StudentJob]:
    """The students of a recipe: every preset, method and seed.

    Variants of the texts are expected beside `annotated`, where `VariantSettings.directory` says.

    Raises:
        ValueError: A preset or method is unknown, or the number of seeds is below 1.
    """
    presets, methods = check_comparison(arguments)
    shared = {
        name: value
        for name, value in asdict(arguments).items()
        if name not in ("presets", "methods", "seeds", "workers")
    }
    jobs = []
    for seed in range(arguments.seeds):
        for preset in presets:
            vectors = identify_word_vectors(chosen_word_vectors(arguments, preset))
            for method in methods:
                key = hash_json(
                    [
                        TRAINING_VERSION,
                        annotation_key,
                        asdict(PRESETS[preset]),
                        dict(METHODS[method]),
                        seed,
                        {**shared, "word_vectors": vectors},
                    ]
                )
                directory = output_dir / "students" / preset / method / f"seed-{seed}"
                variants = variant_settings(arguments, preset, method)
                transfer = None if variants is None else variants.directory(annotated.parent)
                jobs.append(
                    StudentJob(preset, method, seed, annotated, directory, transfer, arguments, key)
                )
    return jobs


def check_comparison(arguments: StudentArguments) -> tuple[list[str], list[str]]:
    """The presets and methods of a recipe, after checking all that the students need.

    Raises:
        ValueError: A preset or method is unknown, or a number is out of range.
        FileNotFoundError: There is no such file of word vectors.
        ImportError: The packaged word vectors are not installed.
    """
    presets, methods = arguments.presets, arguments.methods
    for preset in presets or [""]:
        check_name("preset", preset, PRESETS)
    for method in methods or [""]:
        check_name("method", method, METHODS)
    for name, least in _LEAST.items():
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}.")
    for preset in presets:
        for method in methods:
            training_arguments(arguments, preset, method, seed=0, output_dir=Path())
    check_explained_variants(arguments)
    check_replacement_words(arguments)
    check_word_vectors(arguments.word_vectors)
    none = (chosen_word_vectors(arguments, preset) == NO_VECTORS for preset in presets)
    if arguments.extra_vocab_size and any(none):
        raise ValueError(
            "extra_vocab_size takes words from word_vectors, which are 'none': name some."
        )
    return presets, methods


def training_arguments(
    arguments: StudentArguments,
    preset: str,
    method: str,
    seed: int,
    output_dir: Path,
) -> DistillationArguments:
    """What one student is trained with: its preset, its method, and what the recipe overrides."""
    given: dict[str, Any] = {
        "num_train_epochs": arguments.epochs,
        "learning_rate": arguments.learning_rate,
        "per_device_train_batch_size": arguments.batch_size,
        "temperature": arguments.temperature,
    }
    if METHODS[method]["alpha"] > 0:
        given["alpha"] = arguments.alpha
    if METHODS[method]["xai_weight"] > 0:
        given |= {"xai_weight": arguments.xai_weight, "explanation": arguments.explanation}
    else:
        # A student that was not taught to explain by attention explains itself exactly.
        given["explanation"] = "contributions"
    overrides = {name: value for name, value in given.items() if value is not None}
    return DistillationArguments.from_preset(
        preset,
        output_dir,
        method,
        seed=seed,
        save_strategy="epoch",
        save_total_limit=1,
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        **overrides,
    )


def describe_vocabularies(
    arguments: StudentArguments, data: DatasetDict, transfer: Mapping[str, Path | None]
) -> dict[str, dict[str, Any]]:
    """For every preset: the words that its students know, and how many start with a vector.

    Args:
        arguments: Of the recipe.
        data: The splits.
        transfer: Of a preset, where the variants lie that its students learn from.

    Raises:
        ValueError: No words are left, or the vectors do not fit.
    """
    described = {}
    for preset in arguments.presets:
        settings = student_settings(
            preset,
            word_vectors=arguments.word_vectors,
            min_frequency=arguments.min_frequency,
        )
        _, vectors = student_vocabulary(
            data["train"][TEXT][:],
            settings,
            arguments.extra_vocab_size,
            texts_with_new_words(arguments, transfer.get(preset)),
            arguments.embedding_size,
        )
        described[preset] = {
            "min_frequency": settings.vocabulary["min_frequency"],
            "extra_vocab_size": arguments.extra_vocab_size,
            "words": vectors.wanted,
            "with_vector": len(vectors.rows),
            "share": round(vectors.coverage, 4),
        }
    return described


def texts_with_new_words(arguments: StudentArguments, transfer: Path | None) -> list[str]:
    """The variants of a transfer set where they have words replaced, else none.

    Others have no words of their own but such as came about where punctuation marks were left out.
    """
    if transfer is None or not arguments.replacement_words:
        return []
    return Dataset.load_from_disk(str(transfer))[TEXT][:]
