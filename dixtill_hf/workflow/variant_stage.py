# SPDX-License-Identifier: Apache-2.0
"""The transfer sets of a run: variants of its training texts that the teacher has labelled."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

from datasets import Dataset

from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.data.columns import TEXT
from dixtill_hf.distillation.augmentation import label_variants, similar_words
from dixtill_hf.distillation.presets import METHODS, student_settings
from dixtill_hf.student.word_vectors import NO_VECTORS
from dixtill_hf.workflow.context import RunContext
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
        variants: Of every text.
        explained: Of these, so many are explained too.
        replacements: So many of the most frequent words of the vectors may stand for words of the
            texts; 0: none.
        word_vectors: Where those come from, as a recipe names it.
    """

    variants: int
    explained: int = 0
    replacements: int = 0
    word_vectors: str = NO_VECTORS

    def directory(self, output_dir: Path) -> Path:
        """Where these variants of a run's texts lie."""
        parts = [str(self.variants)]
        parts += [f"explained-{self.explained}"] if self.explained else []
        parts += [f"replacements-{self.replacements}"] if self.replacements else []
        return output_dir / "variants" / "-".join(parts)

    def similar(self, texts: list[str]) -> dict[str, list[str]] | None:
        """What may stand for the words of the texts; None without replacements."""
        if not self.replacements or self.word_vectors == NO_VECTORS:
            return None
        return similar_words(texts, self.word_vectors, self.replacements)


def variant_settings(
    arguments: StudentArguments, preset: str, method: str
) -> VariantSettings | None:
    """The variants that a student learns from; None where it has none."""
    variants = variants_of(arguments, preset, method)
    if not variants:
        return None
    return VariantSettings(
        variants,
        arguments.explained_variants,
        arguments.replacement_words,
        chosen_word_vectors(arguments, preset),
    )


def all_variant_settings(arguments: StudentArguments) -> set[VariantSettings]:
    """The variants that the students of a recipe need."""
    pairs = product(arguments.presets, arguments.methods)
    found = (variant_settings(arguments, preset, method) for preset, method in pairs)
    return {one for one in found if one is not None}


def check_replacement_words(arguments: StudentArguments) -> None:
    """Refuse to replace words without vectors, or where there are no variants.

    Raises:
        ValueError: There are no word vectors, or no student learns from variants.
    """
    words = arguments.replacement_words
    if not words:
        return
    if any(chosen_word_vectors(arguments, one) == NO_VECTORS for one in arguments.presets):
        raise ValueError("replacement_words come from word_vectors, which are 'none': name some.")
    if not all_variant_settings(arguments):
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
    fewest = min((one.variants for one in all_variant_settings(arguments)), default=0)
    if explained > fewest:
        raise ValueError(
            f"explained_variants must be 0 to the variants of every text, {fewest} here, "
            f"got {explained}."
        )


def label_variants_of(
    context: RunContext, train: Dataset, teacher: RunTeacher, settings: VariantSettings
) -> Path:
    """Make variants of each training text and have the teacher label them, once.

    Returns:
        Their directory.
    """
    texts = train[TEXT][:]
    depends_on = [hash_texts(texts), teacher.fingerprint]
    if settings.explained:
        depends_on.append(hash_json(context.explainer.settings()))
    if settings.replacements:
        depends_on.append(identify_word_vectors(settings.word_vectors))
    directory = settings.directory(context.output_dir)

    def make(path: Path) -> None:
        labelled = label_variants(
            train,
            teacher.model,
            settings.variants,
            explained=settings.explained,
            explainer=context.explainer,
            similar=settings.similar(texts),
            **context.annotation_settings,
        )
        labelled.save_to_disk(str(path))

    with context.cache.timed("variants", [directory.name, *depends_on]):
        return context.cache.output(f"variants/{directory.name}", depends_on, make).directory
