# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf explain "some text"`: classify texts and show which words decided."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from dixtill_hf.cli.arguments import UsageError, read_arguments

_USAGE = (
    'Give a text: dixtill-hf explain "Shares fall after a profit warning" --student DIRECTORY, '
    "or pipe texts in, one a line: dixtill-hf explain - < texts.txt"
)


@dataclass
class ExplainArguments:
    """Who explains."""

    student: str = field(
        default="runs/demo/student", metadata={"help": "Directory or Hub id of the student."}
    )


def main(argv: Sequence[str]) -> None:
    """Print every text with its label, probability and coloured words."""
    texts = _leading_texts(argv)
    (arguments,) = read_arguments(
        "dixtill-hf explain TEXT ...",
        "Classify texts and show how much each word spoke for the label (or against it).",
        (ExplainArguments,),
        argv[len(texts) :],
    )
    if not texts:
        raise UsageError(_USAGE)
    if list(texts) == ["-"]:
        texts = [line.rstrip("\n") for line in sys.stdin if line.strip()]
    from transformers import AutoTokenizer

    from dixtill_hf.reporting.highlights import terminal
    from dixtill_hf.student.explaining import explain
    from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

    model = DixtillForSequenceClassification.from_pretrained(arguments.student)
    tokenizer = AutoTokenizer.from_pretrained(arguments.student)
    for explanation in explain(model, tokenizer, texts):
        print(terminal(explanation, sys.stdout))


def _leading_texts(argv: Sequence[str]) -> list[str]:
    """What stands before the first --option."""
    texts = []
    for part in argv:
        if part.startswith("--") or part == "-h":
            break
        texts.append(part)
    return texts
