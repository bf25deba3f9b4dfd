# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf annotate`: add a teacher's logits and word attributions to a dataset.

torchrun and accelerate can launch it as several processes: `torchrun ... -m dixtill_hf.cli.main
annotate ...`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.workflow.recipe import AnnotationArguments, DataArguments, TeacherArguments


@dataclass
class AnnotatedOutput:
    """Where the annotated dataset goes."""

    output_dir: str = field(
        metadata={"help": "Run directory; the dataset goes to its folder annotated/."}
    )
    variants: int = field(
        default=0,
        metadata={
            "help": "Variants of every training text (cut, thinned, spliced) that the teacher "
            "labels too, into variants/N; the students of dixtill-hf run have 4."
        },
    )
    explained_variants: int = field(
        default=0,
        metadata={"help": "Of how many of them the predictions are explained too."},
    )
    replacement_words: int = field(
        default=0,
        metadata={
            "help": "How many of the most frequent words of word_vectors may replace similar words "
            "in the variants; 0: none."
        },
    )
    word_vectors: str = field(
        default="glove-packaged",
        metadata={"help": "Where those come from: 'glove-packaged', or a file of word vectors."},
    )


def main(argv: Sequence[str]) -> None:
    """Annotate the splits of a source and save them."""
    data, teacher, annotation, output = read_arguments(
        "dixtill-hf annotate",
        "Add a teacher's logits and word attributions to a dataset.",
        (DataArguments, TeacherArguments, AnnotationArguments, AnnotatedOutput),
        argv,
    )
    from dixtill_hf.artifacts.process_group import ProcessGroup
    from dixtill_hf.workflow.annotation_stage import annotate_data
    from dixtill_hf.workflow.context import RunContext
    from dixtill_hf.workflow.data_stage import load_run_data
    from dixtill_hf.workflow.recipe import OutputArguments, Recipe
    from dixtill_hf.workflow.teacher_stage import prepare_teacher
    from dixtill_hf.workflow.variant_stage import VariantSettings, label_all_variants

    _check_variants(output)
    processes = ProcessGroup.launched()
    recipe = Recipe(data, teacher, annotation, output=OutputArguments(output.output_dir))
    context = RunContext.open(recipe, processes)
    loaded = load_run_data(context, require_test=False)
    prepared = prepare_teacher(context, loaded)
    annotated = annotate_data(context, loaded, prepared)
    if processes.is_main:
        print(f"Annotated: {annotated.directory}")
    if output.variants:
        settings = VariantSettings(
            output.variants,
            output.explained_variants,
            output.replacement_words,
            output.word_vectors,
        )
        made = label_all_variants(context, loaded, prepared, [settings])
        if processes.is_main:
            print(f"Variants: {made[settings]}")


def _check_variants(output: AnnotatedOutput) -> None:
    if output.variants < 0:
        raise ValueError(f"variants must be at least 0, got {output.variants}.")
    if not 0 <= output.explained_variants <= output.variants:
        raise ValueError(
            f"explained_variants must be 0 to variants ({output.variants}), "
            f"got {output.explained_variants}."
        )
    if output.replacement_words:
        _check_replacements(output)


def _check_replacements(output: AnnotatedOutput) -> None:
    from dixtill_hf.workflow.word_vector_stage import (
        NO_VECTORS,
        check_word_vectors,
        refuse_teachers_vectors,
    )

    if output.word_vectors == NO_VECTORS:
        raise ValueError("replacement_words come from word_vectors, which are 'none': name some.")
    refuse_teachers_vectors(output.word_vectors)
    if output.replacement_words < 0 or not output.variants:
        raise ValueError(
            "Words of the variants are replaced by replacement_words, which must be 0 or more, "
            f"with variants of 1 or more: got {output.replacement_words} and {output.variants}."
        )
    check_word_vectors(output.word_vectors)
