# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf explain "some text"`: classify texts and show which words decided."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dixtill_hf.cli.arguments import UsageError


def main(argv: Sequence[str]) -> None:
    """Print every text with its label, probability and coloured words."""
    given = _parser().parse_args(argv)
    texts = given.texts
    if texts == ["-"]:
        texts = [line.rstrip("\n") for line in sys.stdin if line.strip()]
    if not texts:
        raise UsageError(
            'Give a text: dixtill-hf explain "Shares fall after a profit warning" --student '
            "DIRECTORY, or pipe texts in, one a line: dixtill-hf explain - < texts.txt"
        )
    from dixtill_hf.reporting.highlights import terminal
    from dixtill_hf.student.student import load_student

    for explanation in load_student(given.student).explain(texts):
        print(terminal(explanation, sys.stdout))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dixtill-hf explain",
        description="Classify texts and show how much each word spoke for the label or against it.",
        allow_abbrev=False,
    )
    parser.add_argument("texts", nargs="*", help="the texts; - reads them from standard input")
    parser.add_argument(
        "--student",
        default="runs/demo/student",
        help="directory or Hub id of the student (default: %(default)s)",
    )
    return parser
