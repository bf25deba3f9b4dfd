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
        texts = [line.rstrip("\r") for line in _standard_input().split("\n") if line.strip()]
    for text in texts:
        _check_characters(text)
    seconds = given.text_pair
    if seconds is not None and len(seconds) != len(texts):
        raise UsageError(
            f"--text_pair has {len(seconds)} texts for {len(texts)}: give one second text for each "
            'text, "A man sleeps" --text_pair "He is awake".'
        )
    for text in seconds or []:
        _check_characters(text)
    if not texts:
        raise UsageError(
            'Give a text: dixtill-hf explain "Shares fall after a profit warning" --student '
            "DIRECTORY, or pipe texts in, one a line: dixtill-hf explain - < texts.txt"
        )
    from dixtill_hf.data.text_pairs import TextPair
    from dixtill_hf.reporting.highlights import terminal
    from dixtill_hf.student.student import load_student

    if seconds is not None:
        texts = list(map(TextPair, texts, seconds))
    for explanation in load_student(given.student).explain(texts):
        print(terminal(explanation, sys.stdout))


def _standard_input() -> str:
    """All of standard input, which is read as UTF-8 whatever the terminal is set to."""
    given = sys.stdin.buffer.read()
    try:
        return given.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = given[: error.start].count(b"\n") + 1
        raise UsageError(
            f"Line {line} of standard input is not in UTF-8 (byte 0x{given[error.start]:02x}). "
            "Convert the texts first; from Latin-1, for example: iconv -f latin1 -t utf-8 "
            "texts.txt | dixtill-hf explain -"
        ) from error


def _check_characters(text: str) -> None:
    """Refuse bytes that Python could not read as characters, which it hides as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"The text {text!r} is not in the encoding of the terminal. Set the terminal to "
            "UTF-8, or give the text on standard input: dixtill-hf explain - < texts.txt"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dixtill-hf explain",
        description="Classify texts and show how much each word spoke for the label or against it.",
        allow_abbrev=False,
    )
    parser.add_argument("texts", nargs="*", help="the texts; - reads them from standard input")
    parser.add_argument(
        "--text_pair",
        nargs="+",
        help="the second text of each text, for a student of pairs",
    )
    parser.add_argument(
        "--student",
        default="runs/demo/student",
        help="directory or Hub id of the student (default: %(default)s)",
    )
    return parser
