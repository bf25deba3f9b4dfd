# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf pretrain`: teach a student a language, from which tasks are then distilled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dixtill_hf.cli.arguments import read_arguments


@dataclass
class PretrainArguments:
    """What the student learns from, and where it goes."""

    texts: str = field(
        metadata={
            "help": "Unlabelled general texts, a sentence or a few each: a .txt file with one text "
            "a line, any other file, a saved dataset or a Hub id."
        }
    )
    output_dir: str = field(metadata={"help": "Directory of the student."})
    encoder: str = field(
        default="packaged",
        metadata={
            "help": "Directory or Hub id of the sentence encoder whose vectors it learns, or "
            "'packaged'."
        },
    )
    text_column: str | None = field(
        default=None,
        metadata={
            "help": "Column of the text. Default: the one called text, sentence, tweet or content."
        },
    )
    vectors_dir: str | None = field(
        default=None,
        metadata={
            "help": "Directory in which the encoder's vectors are kept. Default: next to "
            "output_dir."
        },
    )


def main(argv: Sequence[str]) -> None:
    """Pretrain a student and print how close it came to its encoder."""
    from dixtill_hf.pretraining.pretrain import RECORD, PretrainingSettings, pretrain_student

    ours, settings = read_arguments(
        "dixtill-hf pretrain",
        "Pretrain a student to reproduce the vectors of a sentence encoder on unlabelled texts.",
        (PretrainArguments, PretrainingSettings),
        argv,
    )
    from dixtill_hf.artifacts.files import read_json
    from dixtill_hf.data.loading import read_texts

    directory = pretrain_student(
        read_texts(ours.texts, ours.text_column),
        ours.encoder,
        ours.output_dir,
        settings,
        cache_dir=ours.vectors_dir,
    )
    record = read_json(directory / RECORD)
    print(
        f"The student: {directory}. Mean cosine to the encoder's vectors, on "
        f"{record['held_out_texts']} texts held out: {record['held_out_cosine']:.3f}"
    )
