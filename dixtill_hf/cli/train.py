# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf train`: distil an annotated dataset into one student."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.distillation.arguments import DistillationArguments


@dataclass
class TrainArguments:
    """What the student is trained on and starts from."""

    annotated: str = field(
        metadata={"help": "Directory of an annotated dataset, as dixtill-hf annotate saves it."}
    )
    variants: str | None = field(
        default=None,
        metadata={
            "help": "Directory of variants of the texts, as dixtill-hf annotate --variants 4 saves "
            "them, or 'none'. Default: as many as the preset has, where that command puts them: in "
            "variants/4 next to annotated."
        },
    )
    include_variant_words: bool = field(
        default=False,
        metadata={
            "help": "Whether words that only the variants have are added to the vocabulary: for "
            "variants in which words were replaced."
        },
    )
    word_vectors: str | None = field(
        default=None,
        metadata={
            "help": "Start of the embedding: 'glove-packaged', a file, or 'none' (random). "
            "Default: the preset's."
        },
    )
    student_start: str | None = field(
        default=None,
        metadata={
            "help": "Pretrained student to start from: a directory that dixtill-hf pretrain has "
            "written, a Hub id, or 'packaged'. Default: none."
        },
    )
    embedding_size: int | None = field(
        default=None,
        metadata={
            "help": "Embedding dimensions; word vectors with more are reduced to their principal "
            "components. Default: those of the word vectors, 50 without them."
        },
    )
    hidden_size: int | None = field(
        default=None,
        metadata={
            "help": "Units of the bi-LSTM in each direction. Default: those of student_start, 50 "
            "without it."
        },
    )
    ngram_buckets: int | None = field(
        default=None,
        metadata={
            "help": "Number of vectors that words share by their character n-grams in training, "
            "which are then added to the words' own. Default: the preset's."
        },
    )
    min_frequency: int | None = field(
        default=None,
        metadata={"help": "Words seen less often become [UNK]. Default: the preset's."},
    )
    leave_out_words: str | None = field(
        default=None,
        metadata={
            "help": "A file with a word a line: these words are not in the vocabulary and become "
            "[UNK], names of people for example."
        },
    )
    extra_vocab_size: int | None = field(
        default=None,
        metadata={
            "help": "How many of the most frequent words of word_vectors are added to the "
            "vocabulary. Default: the preset's, 10000 for fewer than 5,000 texts of the language "
            "of its word vectors."
        },
    )


def main(argv: Sequence[str]) -> None:
    """Train one student with the `DistillationTrainer` and save it."""
    ours, args = read_arguments(
        "dixtill-hf train",
        "Distil an annotated dataset into one student. All fields of TrainingArguments work.",
        (TrainArguments, DistillationArguments),
        argv,
    )
    from datasets import Dataset

    from dixtill_hf.data.word_lists import read_words
    from dixtill_hf.distillation.building import build_trainer
    from dixtill_hf.selective.calibrate import calibrate_on_validation
    from dixtill_hf.workflow.annotation_stage import load_annotated
    from dixtill_hf.workflow.word_vector_stage import refuse_teachers_vectors

    refuse_teachers_vectors(ours.word_vectors)
    data = load_annotated(ours.annotated, "train")
    given = asdict(ours)
    del given["annotated"]
    given["leave_out_words"] = read_words(ours.leave_out_words)
    variants = _variants(given.pop("variants"), ours.annotated, args.variants_per_text)
    trainer = build_trainer(
        data["train"],
        args,
        variants=None if variants is None else Dataset.load_from_disk(str(variants)),
        eval_dataset=data.get("validation"),
        **given,
    )
    trainer.train(resume_from_checkpoint=args.resume_from_checkpoint)
    calibrate_on_validation(trainer.model, trainer.processing_class, data)
    trainer.save_model()
    if args.push_to_hub:
        trainer.push_to_hub()
    print(f"The student: {args.output_dir}")


def _variants(named: str | None, annotated: str, per_text: int) -> Path | None:
    """The directory of the variants; None if the student learns from none."""
    if named is not None:
        return None if named == "none" else Path(named)
    if not per_text:
        return None
    path = Path(annotated).parent / "variants" / str(per_text)
    if path.is_dir():
        return path
    print(
        f"dixtill-hf train: there are no variants of the texts at {path}, and the preset has "
        f"{per_text} of each: the student learns from the texts only. Label variants with "
        f"dixtill-hf annotate --variants {per_text}, or give --variants none to train "
        "without them.",
        file=sys.stderr,
    )
    return None
