# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf record`: annotate texts from answers that exist already, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dixtill_hf.annotation.recorded import TEACHER_LABEL, TEACHER_PROBABILITIES, TEACHER_QUOTES
from dixtill_hf.cli.arguments import read_arguments


@dataclass
class RecordArguments:
    """Which answers, and where the annotated dataset goes."""

    source: str = field(metadata={"help": "A file, or a directory of train/validation/test files."})
    output_dir: str = field(
        metadata={"help": "The dataset goes to its folder annotated/, for dixtill-hf train."}
    )
    labels: list[str] = field(metadata={"help": "The labels: --labels Bearish Bullish Neutral."})
    text_column: str | None = field(
        default=None, metadata={"help": "Column of the text. Default: found by its usual names."}
    )
    teacher_label: str = field(
        default=TEACHER_LABEL, metadata={"help": "Column with the label that was answered."}
    )
    probabilities: str = field(
        default=TEACHER_PROBABILITIES,
        metadata={"help": "Column with a probability of each label, if there is one."},
    )
    quotes: str = field(
        default=TEACHER_QUOTES,
        metadata={"help": "Column with the words that were named as evidence, if there is one."},
    )
    certainty: float = field(
        default=0.9, metadata={"help": "Probability of a label that is given without one."}
    )
    validation_fraction: float = field(
        default=0.1, metadata={"help": "Share of train held out if there is no validation split."}
    )


def main(argv: Sequence[str]) -> None:
    """Annotate the splits of a source and save them."""
    (arguments,) = read_arguments(
        "dixtill-hf record",
        "Annotate texts from answers that exist already: labels, probabilities, quotes.",
        (RecordArguments,),
        argv,
    )
    from pathlib import Path

    from datasets import DatasetDict

    from dixtill_hf.annotation.recorded import annotate_recorded
    from dixtill_hf.data.loading import load_text_classification
    from dixtill_hf.data.sources import read_source

    wanted = (arguments.teacher_label, arguments.probabilities, arguments.quotes)
    held = next(iter(read_source(arguments.source).values())).column_names
    data = load_text_classification(
        arguments.source,
        arguments.text_column,
        label_names=arguments.labels,
        validation_fraction=arguments.validation_fraction,
        unlabelled=True,
        require_test=False,
        keep_columns=[name for name in wanted if name in held],
    )
    annotated = {}
    for name, split in data.items():
        recorded = annotate_recorded(
            split,
            arguments.labels,
            label=arguments.teacher_label,
            probabilities=arguments.probabilities,
            quotes=arguments.quotes,
            certainty=arguments.certainty,
        )
        annotated[name] = recorded.dataset
        print(f"{name}: {len(recorded.dataset)} texts. {' '.join(recorded.describe())}".strip())
    directory = Path(arguments.output_dir) / "annotated"
    DatasetDict(annotated).save_to_disk(str(directory))
    print(f"Annotated: {directory}")
