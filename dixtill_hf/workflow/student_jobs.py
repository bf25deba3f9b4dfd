# SPDX-License-Identifier: Apache-2.0
"""Which students a recipe asks for, each with all that it depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from datasets import Dataset

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.data.names import check_name
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.data.word_lists import read_words
from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.building import check_start, student_vocabulary
from dixtill_hf.distillation.distill import training_arguments
from dixtill_hf.distillation.presets import METHODS, PRESETS, method_settings, student_settings
from dixtill_hf.student.configuration_dixtill import CELLS
from dixtill_hf.student.pretrained_start import identify_student_start, load_student_start
from dixtill_hf.student.word_vectors import NO_VECTORS
from dixtill_hf.workflow.annotation_stage import Annotation
from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.variant_stage import (
    VariantSettings,
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
        seed: Seed of the weights, the order of the texts and the dropouts.
        annotated: Directory of the annotated splits.
        directory: Directory of the student and its result.
        variants: Directory of the variants that the teacher has labelled; None if the student
            learns only from the texts.
        word_vectors: Start of the embedding, a source of `load_word_vectors`; None takes the
            preset's.
        arguments: The students' part of the recipe.
        fingerprint: Hash of all that the student depends on.
        on_test: Whether the student is scored on the test texts, too. It is no part of what the
            student depends on.
    """

    preset: str
    method: str
    seed: int
    annotated: Path
    directory: Path
    variants: Path | None
    word_vectors: str | None
    arguments: StudentArguments
    fingerprint: str
    on_test: bool = True


def student_jobs(
    arguments: StudentArguments,
    annotation: Annotation,
    variants: Mapping[VariantSettings, Path],
    word_vectors: str | None,
    output_dir: Path,
) -> list[StudentJob]:
    """The students of a recipe: every preset, method and seed.

    Args:
        arguments: The students' part of the recipe.
        annotation: The annotated splits.
        variants: Directories of the labelled variants, from `label_all_variants`.
        word_vectors: Start of the embedding, from `make_word_vectors`.
        output_dir: The students' directories are made in its folder `students/`.
    """
    shared = {
        name: value
        for name, value in asdict(arguments).items()
        if name not in ("presets", "methods", "seeds", "workers")
    }
    # What students depend on is the words, not their file; students of runs without it stay valid.
    del shared["leave_out_words"]
    if arguments.leave_out_words is not None:
        shared["leave_out_words"] = sorted(read_words(arguments.leave_out_words))
    if arguments.cell is None:  # students of before there was a choice are the same
        del shared["cell"]
    vectors = {
        preset: identify_word_vectors(chosen_word_vectors(word_vectors, preset))
        for preset in arguments.presets
    }
    start = identify_student_start(arguments.student_start)
    jobs = []
    for seed, preset, method in product(
        range(arguments.seeds), arguments.presets, arguments.methods
    ):
        depends_on = [
            TRAINING_VERSION,
            annotation.fingerprint,
            PRESETS[preset].key(),
            method_settings(preset, method),
            seed,
            {**shared, "word_vectors": vectors[preset], "student_start": start},
        ]
        wanted = variant_settings(arguments, preset, method, word_vectors)
        jobs.append(
            StudentJob(
                preset=preset,
                method=method,
                seed=seed,
                annotated=annotation.directory,
                directory=output_dir / "students" / preset / method / f"seed-{seed}",
                variants=None if wanted is None else variants[wanted],
                word_vectors=word_vectors,
                arguments=arguments,
                fingerprint=hash_json(depends_on),
            )
        )
    return jobs


def check_students(arguments: StudentArguments) -> None:
    """Refuse a recipe whose students cannot be trained, before anything is computed.

    Raises:
        ValueError: A preset or method is unknown, or a number is out of range.
        FileNotFoundError: There is no such file of word vectors or of words to leave out.
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
            job_arguments(arguments, preset, method, seed=0, output_dir=Path())
    read_words(arguments.leave_out_words)
    if arguments.cell is not None:
        check_name("cell", arguments.cell, CELLS)
    check_explained_variants(arguments)
    check_replacement_words(arguments)
    check_word_vectors(arguments.word_vectors)
    if arguments.student_start is not None:
        check_start(
            load_student_start(arguments.student_start),
            arguments.word_vectors,
            arguments.extra_vocab_size,
            arguments.embedding_size,
            {"hidden_size": arguments.hidden_size, "cell": arguments.cell},
        )
    none = (chosen_word_vectors(arguments.word_vectors, preset) == NO_VECTORS for preset in presets)
    if arguments.extra_vocab_size and any(none):
        raise ValueError(
            "extra_vocab_size takes words from word_vectors, which are 'none': name some."
        )


def job_arguments(
    arguments: StudentArguments, preset: str, method: str, seed: int, output_dir: Path
) -> DistillationArguments:
    """What one student is trained with: its preset, its method, and what the recipe overrides.

    A weight that the method leaves at 0 stays 0: a recipe's `alpha` and `xai_weight` are those of
    the methods that learn from the teacher and from its explanations.
    """
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
    overrides = {name: value for name, value in given.items() if value is not None}
    return training_arguments(preset, output_dir, method, seed, disable_tqdm=True, **overrides)


def building_arguments(arguments: StudentArguments) -> dict[str, Any]:
    """The fields of a recipe that are arguments of `build_student`, but for the word vectors."""
    return {
        "student_start": arguments.student_start,
        "min_frequency": arguments.min_frequency,
        "leave_out_words": read_words(arguments.leave_out_words),
        "extra_vocab_size": arguments.extra_vocab_size,
        "hidden_size": arguments.hidden_size,
        "cell": arguments.cell,
        "embedding_size": arguments.embedding_size,
        "ngram_buckets": arguments.ngram_buckets,
    }


def describe_vocabularies(
    arguments: StudentArguments,
    texts: Sequence[str],
    variants: Mapping[str, Path],
    word_vectors: str | None,
) -> dict[str, dict[str, Any]]:
    """For every preset: the words that its students know, and how many start with a vector.

    Args:
        arguments: The students' part of the recipe.
        texts: The training texts.
        variants: By preset, the directory of the variants that its students learn from.
        word_vectors: Start of the embedding, from `make_word_vectors`.

    Raises:
        ValueError: No words are left, or the vectors do not fit.
    """
    start = None
    if arguments.student_start is not None:
        start = load_student_start(arguments.student_start)
    described = {}
    for preset in arguments.presets:
        settings = student_settings(
            preset,
            len(texts),
            word_vectors=word_vectors,
            min_frequency=arguments.min_frequency,
            leave_out_words=read_words(arguments.leave_out_words),
            extra_vocab_size=arguments.extra_vocab_size,
        )
        _, vectors, extra_words = student_vocabulary(
            texts,
            settings,
            _texts_with_new_words(arguments, variants.get(preset)),
            arguments.embedding_size,
            start,
        )
        described[preset] = {
            "min_frequency": settings.vocabulary["min_frequency"],
            "extra_vocab_size": extra_words,
            "words": vectors.wanted,
            "with_vector": len(vectors.rows),
            "share": round(vectors.coverage, 4),
        }
    return described


def _texts_with_new_words(arguments: StudentArguments, variants: Path | None) -> list[str]:
    """The variants, if words were replaced in them, else none.

    Other variants have no words of their own but those that came about as punctuation marks were
    left out.
    """
    if variants is None or not arguments.replacement_words:
        return []
    return texts_of(Dataset.load_from_disk(str(variants)))
