# SPDX-License-Identifier: Apache-2.0
"""Variants of the training texts that the teacher of a run labels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.distillation.augmentation import label_variants, similar_words
from dixtill_hf.distillation.presets import METHODS, student_settings
from dixtill_hf.student.word_vectors import NO_VECTORS
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import RunData
from dixtill_hf.workflow.recipe import StudentArguments
from dixtill_hf.workflow.teacher_stage import RunTeacher
from dixtill_hf.workflow.word_vector_stage import chosen_word_vectors, identify_word_vectors


def variants_of(arguments: StudentArguments, preset: str, method: str) -> int:
    """Variants of every training text that a student learns from; none without the teacher."""
    if METHODS[method]["alpha"] == 0:
        return 0
    return student_settings(preset, variants=arguments.variants).variants


@dataclass(frozen=True)
class VariantSettings:
    """Which variants of the training texts a teacher labels.

    Attributes:
        variants: Number of variants of every text.
        explained: Number of these whose predictions are explained too.
        replacements: Number of the most frequent words of the vectors that may replace words of
            the texts; 0 replaces none.
        word_vectors: Source of these words, for `load_word_vectors`.
    """

    variants: int
    explained: int = 0
    replacements: int = 0
    word_vectors: str = NO_VECTORS

    @property
    def directory(self) -> str:
        """Path of the directory of these variants in that of the run."""
        parts = [str(self.variants)]
        parts += [f"explained-{self.explained}"] if self.explained else []
        parts += [f"replacements-{self.replacements}"] if self.replacements else []
        return f"variants/{'-'.join(parts)}"

    def similar(self, texts: list[str]) -> dict[str, list[str]] | None:
        """Words that may replace those of the texts; None without replacements."""
        if not self.replacements or self.word_vectors == NO_VECTORS:
            return None
        return similar_words(texts, self.word_vectors, self.replacements)


def variant_settings(
    arguments: StudentArguments, preset: str, method: str, word_vectors: str | None
) -> VariantSettings | None:
    """The variants that a student learns from; None if it learns from none.

    Args:
        arguments: The students' part of the recipe.
        preset: Name in `PRESETS`.
        method: Name in `METHODS`.
        word_vectors: Source of the words that replace others, from `make_word_vectors`.
    """
    variants = variants_of(arguments, preset, method)
    if not variants:
        return None
    return VariantSettings(
        variants,
        arguments.explained_variants,
        arguments.replacement_words,
        chosen_word_vectors(word_vectors, preset),
    )


def all_variant_settings(
    arguments: StudentArguments, word_vectors: str | None
) -> set[VariantSettings]:
    """The variants that the students of a recipe need; see `variant_settings`."""
    pairs = product(arguments.presets, arguments.methods)
    found = (variant_settings(arguments, preset, method, word_vectors) for preset, method in pairs)
    return {one for one in found if one is not None}


def check_replacement_words(arguments: StudentArguments) -> None:
    """Refuse to replace words without vectors or without variants.

    Raises:
        ValueError: There are no word vectors, or no student learns from variants.
    """
    words = arguments.replacement_words
    if not words:
        return
    if any(
        chosen_word_vectors(arguments.word_vectors, one) == NO_VECTORS for one in arguments.presets
    ):
        raise ValueError("replacement_words come from word_vectors, which are 'none': name some.")
    if not all_variant_settings(arguments, arguments.word_vectors):
        raise ValueError(
            f"replacement_words is {words}, but no student learns from variants, whose words they "
            "would replace: set variants to 1 or more, or leave replacement_words out."
        )


def check_explained_variants(arguments: StudentArguments) -> None:
    """Refuse to have more variants explained than there are, or for nobody.

    Raises:
        ValueError: No method learns from explanations, or a preset has fewer variants.
    """
    explained = arguments.explained_variants
    if not explained:
        return
    if not any(METHODS[method]["xai_weight"] > 0 for method in arguments.methods):
        raise ValueError(
            f"explained_variants is {explained}, and none of the methods "
            f"{', '.join(arguments.methods)} learns from explanations: add dixtill, or leave "
            "explained_variants out."
        )
    fewest = min(
        (one.variants for one in all_variant_settings(arguments, arguments.word_vectors)), default=0
    )
    if explained > fewest:
        raise ValueError(
            f"explained_variants must be 0 to the variants of every text, {fewest} here, "
            f"got {explained}."
        )


def label_all_variants(
    context: RunContext, data: RunData, teacher: RunTeacher, settings: Collection[VariantSettings]
) -> dict[VariantSettings, Path]:
    """Make variants of each training text and have the teacher label them, once.

    Several processes share the work if each of them makes the call. The main one keeps the result,
    and none goes on before it is there.

    Returns:
        The directory of each kind of variants.
    """
    train = data.splits["train"]
    depends_on = {one: _depends_on(context, data, teacher, one) for one in settings}

    def make(one: VariantSettings, path: Path) -> None:
        labelled = label_variants(
            train,
            teacher.model,
            one.variants,
            explained=one.explained,
            explainer=context.explainer,
            similar=one.similar(data.train_texts),
            **context.annotation_settings,
        )
        if context.cache.processes.is_main:
            labelled.save_to_disk(str(path))

    if not settings:
        return {}
    with context.cache.timed("variants", sorted(map(hash_json, depends_on.values()))):
        return {
            one: context.cache.output(one.directory, given, partial(make, one)).directory
            for one, given in depends_on.items()
        }


def _depends_on(
    context: RunContext, data: RunData, teacher: RunTeacher, settings: VariantSettings
) -> list[str]:
    """What the variants depend on beyond what the name of their directory says."""
    depends_on = [hash_texts(data.train_texts), teacher.fingerprint]
    if settings.explained:
        depends_on.append(hash_json(context.explainer.settings()))
    if settings.replacements:
        depends_on.append(identify_word_vectors(settings.word_vectors))
    return depends_on
