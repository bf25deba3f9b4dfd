# SPDX-License-Identifier: Apache-2.0
"""Score files of texts: in constant memory, on several processes, and on from where it stopped.

The rows of a file are scored in parts. A part is written whole or not at all, next to the output,
so that a killed call loses only the part that it was at. The output is put together from its parts
and is there whole or not at all.
"""

from __future__ import annotations

import glob
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
from tqdm.auto import tqdm

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.artifacts.storage import Storage, is_remote, split_address
from dixtill_hf.data.files import READERS
from dixtill_hf.data.names import check_name
from dixtill_hf.data.row_files import RowFile, open_row_file
from dixtill_hf.scoring.arrow import added_columns, check_free_columns, check_words, with_columns
from dixtill_hf.scoring.processes import BatchScorer, batch_scorer
from dixtill_hf.scoring.scorers import ScorerSource, find_scorer
from dixtill_hf.scoring.writers import kind_of_output, open_writer, write_together

if TYPE_CHECKING:
    from os import PathLike

logger = logging.getLogger(__name__)

ON_ERROR = ("refuse", "keep")
_ROWS_AT_ONCE = 2048
# A part: what a killed call loses at most.
_BATCHES_A_PART = 16
ROWS_A_PART = _ROWS_AT_ONCE * _BATCHES_A_PART
_PLAN = "plan.json"
_FORMAT = 1


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
    jobs = _plan(expand_inputs(inputs), str(output))
    parts = Parts.of(str(output))
    parts.refuse_existing([job.output for job in jobs])
    source = find_scorer(student, engine)
    files = [[open_row_file(name, text_column) for name in job.inputs] for job in jobs]
    every = list(chain.from_iterable(files))
    check_rows(every, on_error)
    for group in files:
        _check_same_columns(group)
        check_free_columns(group[0].schema.names, words)
    parts.begin(_fingerprint(source, files, jobs, words))
    with batch_scorer(source, words, processes) as scorer:
        total = sum(file.rows for file in every)
        with tqdm(total=total, desc="Scoring", unit="text", disable=not total) as progress:
            for number, (job, group) in enumerate(zip(jobs, files, strict=True)):
                if parts.is_done(number):
                    progress.update(sum(file.rows for file in group))
                    continue
                _Job(number, job, group, words).run(scorer, parts, progress)
    parts.end()
    invalid = sum(file.invalid.count for file in every)
    return FilePredictions(tuple(job.output for job in jobs), total, invalid, source.engine)


@dataclass(frozen=True)
class _PlannedOutput:
    """An output and the inputs whose rows it has."""

    inputs: tuple[str, ...]
    output: str


def expand_inputs(inputs: str | PathLike[str] | Sequence[str | PathLike[str]]) -> list[str]:
    """The files that are meant by paths, directories and patterns, in their order."""
    given = [inputs] if isinstance(inputs, str) or not isinstance(inputs, Sequence) else inputs
    if not given:
        raise ValueError("inputs is empty: name a file, a directory or a pattern.")
    return [name for one in given for name in _files_of(str(one))]


def _files_of(name: str) -> list[str]:
    if is_remote(name):
        return _remote_files_of(name)
    path = Path(name).expanduser()
    if path.is_file():  # also one whose name looks like a pattern
        return [str(path)]
    if path.is_dir():
        found = [str(one) for one in sorted(path.iterdir()) if one.suffix.lower() in READERS]
    else:
        found = sorted(one for one in glob.glob(str(path), recursive=True) if Path(one).is_file())
    return _some(found, name)


def _remote_files_of(name: str) -> list[str]:
    import fsspec

    system, path = fsspec.core.url_to_fs(name)
    if system.isfile(path):
        return [name]
    if system.isdir(path):
        listed = system.ls(path, detail=False)
        found = [one for one in listed if PurePath(one).suffix.lower() in READERS]
    else:
        found = system.glob(path)
    return _some(sorted(system.unstrip_protocol(one) for one in found), name)


def _some(found: list[str], name: str) -> list[str]:
    if not found:
        raise FileNotFoundError(
            f"There is no file {name!r}, no directory of that name with {', '.join(READERS)} files,"
            " and no file that it matches as a pattern."
        )
    return found


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


def check_rows(files: Sequence[RowFile], on_error: str) -> None:
    """Refuse rows without a usable text, or warn of them; see `predict_files`."""
    for file in files:
        if not file.invalid.count:
            continue
        found = f"{file.address} has {file.invalid.count} rows without a usable text: "
        if on_error == "refuse":
            raise ValueError(
                f"{found}{file.invalid}. Correct them, or keep them without a prediction: "
                "--on_error keep."
            )
        logger.warning("%s%s. They are kept without a prediction.", found, file.invalid)


def _check_same_columns(files: Sequence[RowFile]) -> None:
    first = files[0]
    for other in files[1:]:
        if not other.schema.equals(first.schema):
            differing = [str(column) for column in {*first.schema} ^ {*other.schema}]
            raise ValueError(
                f"{first.address} and {other.address} have different columns "
                f"({', '.join(sorted(differing))}), so that one file cannot hold both. Name a "
                "directory as the output: it gets one file for each input."
            )


def _fingerprint(
    source: ScorerSource,
    files: Sequence[Sequence[RowFile]],
    jobs: Sequence[_PlannedOutput],
    words: int,
) -> str:
    student = (
        blake2b(source.student).hexdigest()
        if isinstance(source.student, bytes)
        else [source.student, _weights_of(source.student)]
    )
    rows = [[(file.digest, file.text_column) for file in group] for group in files]
    outputs = [job.output for job in jobs]
    return hash_json([_FORMAT, student, rows, outputs, words, ROWS_A_PART])


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
class Parts:
    """The finished parts of outputs, in a folder next to them.

    Attributes:
        storage: The folder that holds the outputs.
        name: Name of the folder of the parts.
    """

    storage: Storage
    name: str

    @classmethod
    def of(cls, output: str) -> Parts:
        """The parts of an output file, or of a directory of them."""
        folder, name = split_address(output.rstrip("/"))
        return cls(folder, f"{name}.parts")

    @property
    def _folder(self) -> Storage:
        return self.storage.within(self.name)

    def refuse_existing(self, outputs: Sequence[str]) -> None:
        """Refuse outputs that are there before any part of them is.

        Raises:
            FileExistsError: There is one.
        """
        if self.storage.exists(self.name):
            return
        for output in outputs:
            folder, name = split_address(output)
            if folder.exists(name):
                raise FileExistsError(f"{output} is there already: remove it, or name another.")

    def begin(self, fingerprint: str) -> None:
        """Go on with the parts of this fingerprint; those of others are removed.

        Args:
            fingerprint: Hash of all that the outputs depend on.
        """
        plan = {"format": _FORMAT, "fingerprint": fingerprint}
        found = None
        with suppress(FileNotFoundError, ValueError):
            found = json.loads(self._folder.read(_PLAN))
        if found == plan:
            return
        if self.storage.exists(self.name):
            logger.warning(
                "%s holds parts that other files or settings have made: they are removed.",
                self.storage.path(self.name),
            )
            self.storage.remove(self.name)
        text = json.dumps(plan, indent=2).encode()
        self._folder.write(_PLAN, lambda file: file.write(text))

    def is_done(self, output: int) -> bool:
        """Whether the output of this number is finished."""
        return self._folder.exists(f"{output:05}.done")

    def finish(self, output: int) -> None:
        """Note that the output of this number is finished, and remove its parts."""
        self._folder.write(f"{output:05}.done", lambda file: None)
        self._folder.remove(f"{output:05}")

    def end(self) -> None:
        """Remove the folder: all outputs are there."""
        self.storage.remove(self.name)

    def folder(self, output: int) -> Storage:
        """Where the parts of the output of this number are."""
        return self._folder.within(f"{output:05}")


@dataclass(frozen=True)
class _Job:
    """One output that is made."""

    number: int
    planned: _PlannedOutput
    files: Sequence[RowFile]
    words: int

    def run(self, scorer: BatchScorer, parts: Parts, progress: tqdm) -> None:
        """Score what is left of the files, and put the output together."""
        folder = parts.folder(self.number)
        kind = kind_of_output(self.planned.output)
        schema = pa.schema([*self.files[0].schema, *added_columns(scorer.labels, self.words)])
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
    _check_same_columns(files)
    check_free_columns(files[0].schema.names, words)
    with batch_scorer(source, words, processes) as scorer:
        schema = pa.schema([*files[0].schema, *added_columns(scorer.labels, words)])
        writer = open_writer(kind, output, schema, header=True)
        for file in files:
            for batch, added in scorer.score(file.batches(_ROWS_AT_ONCE), file.text_column):
                writer.write_batch(with_columns(batch, added))
        writer.close()
