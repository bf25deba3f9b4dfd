# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf calibrate`: calibrate a student, and find from which probability on it may answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from dixtill_hf.cli.arguments import read_arguments


@dataclass
class CalibrateArguments:
    """Who is calibrated, on what, and what is wanted of its answers."""

    annotated: str = field(
        metadata={"help": "Directory of an annotated dataset, as dixtill-hf annotate saves it."}
    )
    student: str = field(metadata={"help": "Directory or Hub id of the student."})
    output_dir: str = field(metadata={"help": "Directory of the calibrated student."})
    split: str = field(
        default="validation",
        metadata={"help": "Texts that neither teacher nor student has learned from."},
    )
    agreement: float = field(
        default=0.97,
        metadata={"help": "Wanted share of the answers on which student and teacher agree."},
    )
    confidence: float = field(
        default=0.95, metadata={"help": "Probability that the agreement holds on unseen texts."}
    )
    chosen_among: int = field(
        default=1,
        metadata={"help": "From how many students this one was chosen on these same texts."},
    )


def main(argv: Sequence[str]) -> None:
    """Save the calibrated student, and print what was found as JSON."""
    (arguments,) = read_arguments(
        "dixtill-hf calibrate",
        "Calibrate a student against its teacher on held-out texts; prints JSON.",
        (CalibrateArguments,),
        argv,
    )
    from dixtill_hf.selective.calibrate import calibrate
    from dixtill_hf.student.student import load_student
    from dixtill_hf.workflow.annotation_stage import load_annotated

    data = load_annotated(arguments.annotated, arguments.split)
    student = load_student(arguments.student)
    found = calibrate(
        student.model,
        student.tokenizer,
        data[arguments.split],
        arguments.agreement,
        arguments.confidence,
        arguments.chosen_among,
    )
    student.save(arguments.output_dir)
    print(json.dumps(found.to_dict(), indent=2))
