# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf evaluate`: score a student on an annotated dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from dixtill_hf.cli.arguments import read_arguments


@dataclass
class EvaluateArguments:
    """Who is scored, and on what."""

    annotated: str = field(
        metadata={"help": "Directory of an annotated dataset, as dixtill-hf annotate saves it."}
    )
    student: str = field(
        default="runs/demo/student", metadata={"help": "Directory or Hub id of the student."}
    )
    split: str = field(default="test", metadata={"help": "The split to score."})


def main(argv: Sequence[str]) -> None:
    """Print quality and agreement as JSON."""
    (arguments,) = read_arguments(
        "dixtill-hf evaluate",
        "Score a student on an annotated dataset; prints JSON.",
        (EvaluateArguments,),
        argv,
    )
    from dixtill_hf.student.student import load_student
    from dixtill_hf.workflow.annotation_stage import load_annotated
    from dixtill_hf.workflow.predictions import assess, predict

    data = load_annotated(arguments.annotated, arguments.split)
    student = load_student(arguments.student)
    predictions = predict(student.model, student.tokenizer, data[arguments.split])
    print(json.dumps(assess(predictions, student.model.config.explanation), indent=2))
