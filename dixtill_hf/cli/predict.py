# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf predict STUDENT texts.parquet out.parquet`: score files of texts with a student."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dixtill_hf.cli.arguments import UsageError

_PIPE = "-"
_INPUT_FORMATS = ("jsonl", "json", "csv", "tsv", "parquet")
_OUTPUT_FORMATS = ("jsonl", "csv", "tsv")


def main(argv: Sequence[str]) -> None:
    """Score the rows of files, or of standard input."""
    given = _parser().parse_args(argv)
    *inputs, output = given.paths
    if not inputs:
        raise UsageError(
            "Name what to read and what to write: dixtill-hf predict STUDENT texts.parquet "
            "out.parquet. A single - is standard input or output."
        )
    if _PIPE in inputs and len(inputs) > 1:
        raise UsageError("Standard input (-) cannot be read together with files.")
    _show_messages()
    with _without_pipe(inputs, given.input_format) as files:
        if output == _PIPE:
            _to_standard_output(given, files)
        else:
            _to_files(given, files, output)


def _to_files(given: argparse.Namespace, inputs: Sequence[str], output: str) -> None:
    from dixtill_hf.scoring.files import predict_files

    done = predict_files(
        given.student,
        inputs,
        output,
        words=given.words,
        text_column=given.text_column,
        on_error=given.on_error,
        processes=given.processes,
        engine=given.engine,
    )
    without = f", {done.invalid:,} without a prediction" if done.invalid else ""
    print(f"Written: {output} ({done.rows:,} rows{without})")


def _to_standard_output(given: argparse.Namespace, inputs: Sequence[str]) -> None:
    from dixtill_hf.data.names import check_name
    from dixtill_hf.data.row_files import open_row_file
    from dixtill_hf.scoring.arrow import check_words
    from dixtill_hf.scoring.files import stream_predictions
    from dixtill_hf.scoring.inputs import ON_ERROR, check_rows, expand_inputs
    from dixtill_hf.scoring.scorers import find_scorer

    check_words(given.words)
    check_name("on_error", given.on_error, ON_ERROR)
    names = expand_inputs(inputs)
    source = find_scorer(given.student, given.engine)
    files = [open_row_file(name, given.text_column) for name in names]
    check_rows(files, given.on_error)
    kind = f".{given.output_format}"
    try:
        stream_predictions(source, files, kind, sys.stdout.buffer, given.words, given.processes)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _without_pipe(inputs: Sequence[str], kind: str) -> Iterator[list[str]]:
    """The inputs, with standard input as a file, since files are gone through twice."""
    if list(inputs) != [_PIPE]:
        yield list(inputs)
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"standard input.{kind}"
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield [str(path)]


def _show_messages() -> None:
    """Show on standard error which engine runs, and what is warned of."""
    logger = logging.getLogger("dixtill_hf.scoring")
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler())
        logger.propagate = False
    logger.setLevel(logging.INFO)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dixtill-hf predict",
        description="Score files of texts with a student: adds label, probabilities and, with "
        "--words, the words that decided. A killed command goes on if it is called again.",
        allow_abbrev=False,
    )
    parser.add_argument("student", help="directory or Hub id of the student, or a .dxt file")
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="INPUT ... OUTPUT",
        help="Parquet, CSV, TSV or JSON files, directories of them, or quoted patterns; last the "
        "output: a .parquet, .csv, .tsv or .jsonl file, or a directory. - is standard input or "
        "output",
    )
    parser.add_argument(
        "--words",
        type=int,
        default=0,
        help="how many words that decided are named for each text (default: %(default)s)",
    )
    parser.add_argument(
        "--text_column",
        help="column of the text (default: the one called text, sentence, tweet or content)",
    )
    parser.add_argument(
        "--on_error",
        default="refuse",
        help="rows without a text or that cannot be read: refuse them before anything is scored, "
        "or keep them without a prediction (default: %(default)s)",
    )
    parser.add_argument(
        "--processes", type=int, default=1, help="how many score (default: %(default)s)"
    )
    parser.add_argument(
        "--engine",
        default="auto",
        help="runtime (dixtill-runtime, the student in integers), torch, or auto: runtime if it is "
        "installed and can run the student (default: %(default)s)",
    )
    parser.add_argument(
        "--input_format",
        choices=_INPUT_FORMATS,
        default="jsonl",
        help="of standard input (default: %(default)s)",
    )
    parser.add_argument(
        "--output_format",
        choices=_OUTPUT_FORMATS,
        default="jsonl",
        help="of standard output (default: %(default)s)",
    )
    return parser
