# SPDX-License-Identifier: Apache-2.0
"""Score files of texts: in constant memory, on several processes, and on from where it stopped.

The rows of a file are scored in parts. A part is written whole or not at all, next to the output,
so that a killed call loses only the part that it was at. The output is put together from its parts
and is there whole or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
from tqdm.auto import tqdm

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.artifacts.storage import Storage, split_address
from dixtill_hf.data.formats.row_file import RowFile
from dixtill_hf.data.names import check_name
from dixtill_hf.data.row_files import open_row_file
from dixtill_hf.scoring.arrow import check_free_columns, check_words, with_columns
from dixtill_hf.scoring.inputs import ON_ERROR, check_rows, check_same_columns, expand_inputs
from dixtill_hf.scoring.parts import Parts
from dixtill_hf.scoring.processes import BatchScorer, batch_scorer
from dixtill_hf.scoring.scorers import ScorerSource, find_scorer
from dixtill_hf.scoring.writers import kind_of_output, open_writer, write_together

if TYPE_CHECKING:
    from os import PathLike

_ROWS_AT_ONCE = 2048
# A part: what a killed call loses at most.
_BATCHES_A_PART = 16
ROWS_A_PART = _ROWS_AT_ONCE * _BATCHES_A_PART


@dataclass(frozen=True)
class FilePredictions:
    """What was written.

    Attributes:
        outputs: The files that were written.
        rows: Number of rows in them.
        invalid: Number of rows without a prediction.
        engine: The engine that scored them, `"runtime"` or `"torch"`.
    """

    outputs: tuple[str, ...]
    rows: int
    invalid: int
    engine: str


def predict_files(
    student: str | Path,
    inputs: str | PathLike[str] | Sequence[str | PathLike[str]],
    output: str | PathLike[str],
    *,
    words: int = 0,
    text_column: str | None = None,
    on_error: str = "refuse",
    processes: int = 1,
    engine: str = "auto",
) -> FilePredictions:
    """Add a student's predictions to the rows of files.

    The columns of `BatchPredictor` are added to those of the files. All files are gone through
    before the first text is scored. A killed call goes on where it stopped if it is made again with
    the same files and settings; its finished parts lie in `OUTPUT.parts` until the output is there.

    With several processes the call must be made below `if __name__ == "__main__":`, because each
    process imports the script.

    Args:
        student: Directory or Hub id of a student, or a `.dxt` file.
        inputs: Paths or fsspec URLs of `.parquet`, `.csv`, `.tsv`, `.jsonl` or `.json` files; of a
            directory, all such files in it; of a pattern (`texts-*.parquet`), all that match.
        output: A `.parquet`, `.csv`, `.tsv` or `.jsonl` file for all rows of all inputs, which must
            have the same columns; or a directory (a name without such an ending) for one file for
            each input, of the same name. Nested values become JSON in `.csv` and `.tsv`.
        words: How many words that decided are named for each text. Default 0: none.
        text_column: Column of the text. Default: the one called text, sentence, tweet or content.
        on_error: What happens to rows without a text, or that cannot be read: `"refuse"` raises an
            error before anything is scored; `"keep"` keeps them without a prediction (those that
            cannot be read without any value) and logs a warning with their numbers.
        processes: How many processes score. Default 1.
        engine: `"runtime"`, `"torch"` or `"auto"`, see `dixtill_hf.scoring.scorers.find_scorer`.

    Returns:
        What was written.

    Raises:
        FileNotFoundError: There is no such student or input.
        FileExistsError: The output is there already.
        ValueError: A setting is not allowed, a file cannot be read, the inputs differ in their
            columns, or, with `on_error="refuse"`, a row has no text.
        OSError: The output cannot be written, or a process was killed.
    """
    check_words(words)
    check_name("on_error", on_error, ON_ERROR)
    planned = _plan(expand_inputs(inputs), str(output))
    parts = Parts.of(str(output))
    parts.refuse_existing([one.output for one in planned])
    source = find_scorer(student, engine)
    files = [[open_row_file(name, text_column) for name in one.inputs] for one in planned]
    every = list(chain.from_iterable(files))
    check_rows(every, on_error)
    for group in files:
        check_same_columns(group)
    with batch_scorer(source, words, processes) as scorer:
        for group in files:
            check_free_columns(group[0].schema.names, scorer.added)
        parts.begin(_fingerprint(source, files, planned, words))
        total = sum(file.rows for file in every)
        with tqdm(total=total, desc="Scoring", unit="text", disable=not total) as progress:
            for number, (one, group) in enumerate(zip(planned, files, strict=True)):
                if parts.is_done(number):
                    progress.update(sum(file.rows for file in group))
                    continue
                _Job(number, one, group).run(scorer, parts, progress)
    parts.end()
    invalid = sum(file.invalid.count for file in every)
    return FilePredictions(tuple(one.output for one in planned), total, invalid, source.engine)


@dataclass(frozen=True)
class _PlannedOutput:
    """An output and the inputs whose rows it has."""

    inputs: tuple[str, ...]
    output: str


def _plan(inputs: Sequence[str], output: str) -> list[_PlannedOutput]:
    """Which inputs go to which output."""
    if PurePath(output).suffix and not output.endswith("/"):
        kind_of_output(output)
        return [_PlannedOutput(tuple(inputs), output)]
    names = [split_address(name)[1] for name in inputs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"Several inputs are called {', '.join(twice)}, and would be one file in {output}. "
            "Name one file as the output, or give each directory an output of its own."
        )
    return [
        _PlannedOutput((path,), f"{output.rstrip('/')}/{_output_name(name)}")
        for path, name in zip(inputs, names, strict=True)
    ]


def _output_name(name: str) -> str:
    """The name of the output for an input; lists of objects become one object a line."""
    pure = PurePath(name)
    return pure.stem + ".jsonl" if pure.suffix.lower() == ".json" else name


def _fingerprint(
    source: ScorerSource,
    files: Sequence[Sequence[RowFile]],
    planned: Sequence[_PlannedOutput],
    words: int,
) -> str:
    student = (
        blake2b(source.student).hexdigest()
        if isinstance(source.student, bytes)
        else [source.student, _weights_of(source.student)]
    )
    rows = [[(file.digest, file.text_column) for file in group] for group in files]
    outputs = [one.output for one in planned]
    return hash_json([student, rows, outputs, words, ROWS_A_PART])


def _weights_of(student: str) -> list[list[str]]:
    """Sizes and times of a local student's files: one that was trained anew begins anew."""
    path = Path(student)
    if not path.is_dir():
        return []
    return [
        [one.name, str(one.stat().st_size), str(one.stat().st_mtime_ns)]
        for one in sorted(path.iterdir())
    ]


@dataclass(frozen=True)
class _Job:
    """One output that is made."""

    number: int
    planned: _PlannedOutput
    files: Sequence[RowFile]

    def run(self, scorer: BatchScorer, parts: Parts, progress: tqdm) -> None:
        """Score what is left of the files, and put the output together."""
        folder = parts.folder(self.number)
        kind = kind_of_output(self.planned.output)
        schema = pa.schema([*self.files[0].schema, *scorer.added])
        there, names = set(folder.names()), []
        for index, file in enumerate(self.files):
            names += self._score(index, file, kind, schema, scorer, folder, there, progress)
        storage, name = split_address(self.planned.output)
        opened = [lambda name=name: folder.open(name) for name in names]
        storage.write(name, lambda output: write_together(kind, schema, opened, output))
        parts.finish(self.number)

    def _score(
        self,
        index: int,
        file: RowFile,
        kind: str,
        schema: pa.Schema,
        scorer: BatchScorer,
        folder: Storage,
        there: set[str],
        progress: tqdm,
    ) -> list[str]:
        """Write the parts of a file that are not there; the names of all of them."""
        count = -(-file.rows // ROWS_A_PART)
        names = [f"{index:05}-{part:07}{kind}" for part in range(count)]
        done = next((part for part in range(count) if names[part] not in there), count)
        progress.update(min(file.rows, done * ROWS_A_PART))
        batches = file.batches(_ROWS_AT_ONCE, done * ROWS_A_PART)
        scored = scorer.score(batches, file.text_column)
        for name in names[done:]:

            def write(output: BinaryIO) -> None:
                writer = open_writer(kind, output, schema)
                try:
                    for batch, added in islice(scored, _BATCHES_A_PART):
                        writer.write_batch(with_columns(batch, added))
                        progress.update(len(batch))
                finally:
                    writer.close()

            folder.write(name, write)
        return names


def stream_predictions(
    source: ScorerSource,
    files: Sequence[RowFile],
    kind: str,
    output: BinaryIO,
    words: int = 0,
    processes: int = 1,
) -> None:
    """Write the predictions for files to a pipe, as they come.

    Args:
        source: The student.
        files: The rows; all have the same columns.
        kind: `.csv`, `.tsv` or `.jsonl`.
        output: The pipe.
        words: How many words that decided are named for each text.
        processes: How many processes score.

    Raises:
        ValueError: The files have different columns, or one has the name of an added column.
    """
    check_same_columns(files)
    with batch_scorer(source, words, processes) as scorer:
        check_free_columns(files[0].schema.names, scorer.added)
        schema = pa.schema([*files[0].schema, *scorer.added])
        writer = open_writer(kind, output, schema, header=True)
        for file in files:
            for batch, added in scorer.score(file.batches(_ROWS_AT_ONCE), file.text_column):
                writer.write_batch(with_columns(batch, added))
        writer.close()
