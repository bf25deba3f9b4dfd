# SPDX-License-Identifier: Apache-2.0
"""The cache of stage outputs: what is there and still valid is not computed again.

An output is a JSON value or a directory. Beside it stands the fingerprint of all that it depends
on. An output is there whole or not at all, so a killed run goes on where it stopped.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dixtill_hf.artifacts.files import read_json, replace_directory, unfinished_path, write_json
from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.artifacts.process_group import ProcessGroup

RECORD = "stage.json"
FORMAT = 1
# What the records of directories were called before they all had one name. The last one stood
# beside its directory.
_OLD_RECORDS = ("finetuning.json", "annotation.json", "result.json")
_OLD_RECORD_BESIDE = ".made.json"
_STAGES = "stages.json"


@dataclass(frozen=True)
class StageOutput:
    """A directory that a stage has made.

    Attributes:
        directory: The directory.
        fingerprint: Hash of all that its contents depend on.
        value: JSON value that the stage told of it.
    """

    directory: Path
    fingerprint: str
    value: Any


def find_directory(directory: Path, fingerprint: str) -> StageOutput | None:
    """The output of a stage in a directory; None if it is missing or depends on something else.

    Raises:
        ValueError: A newer version of this package has written it.
    """
    record = _read_record(directory)
    if record is None or record["fingerprint"] != fingerprint:
        return None
    return StageOutput(directory, fingerprint, record["value"])


def cached_directory(
    directory: Path,
    fingerprint: str,
    make: Callable[[Path], Any],
    processes: ProcessGroup | None = None,
) -> StageOutput:
    """The output of a stage in a directory, made now unless it is there and still valid.

    Args:
        directory: Where the output is, or will be. An older one is replaced when the new one is
            finished.
        fingerprint: Hash of all that the output depends on.
        make: Makes the directory that it is given, which does not exist, and returns a JSON value
            that is kept with it. What it keeps in `checkpoints_of` survives an interruption, and
            is removed when the output is finished.
        processes: The processes that make the output together, each of which makes this call.
            Only the main one may write to the directory. None: this process.

    Raises:
        ValueError: A newer version of this package has written the output that is there.
    """
    processes = processes or ProcessGroup()
    found = processes.from_main(lambda: _as_text(find_directory(directory, fingerprint)))
    if not found:
        unfinished = unfinished_path(directory)
        processes.from_main(lambda: _begin(unfinished))
        value = make(unfinished)
        found = processes.from_main(lambda: _finish(directory, fingerprint, value))
    return StageOutput(directory, fingerprint, json.loads(found))


def checkpoints_of(directory: Path, fingerprint: str) -> Path:
    """Where the unfinished output of a stage keeps what it goes on from."""
    return _all_checkpoints(directory) / fingerprint


def is_replaceable(directory: Path) -> bool:
    """Whether a directory holds nothing but outputs of stages, or is not there."""
    if not directory.is_dir() or _read_record(directory) is not None:
        return True
    # Fine-tuning once kept its checkpoints inside.
    return all(
        path.is_dir() and (path.name == "checkpoints" or is_replaceable(path))
        for path in directory.iterdir()
    )


class OutputCache:
    """A directory of outputs, by name.

    Attributes:
        directory: The directory.
        processes: The processes that make the outputs together. Only the main one writes.
    """

    def __init__(self, directory: Path, processes: ProcessGroup | None = None) -> None:
        self.directory = directory
        self.processes = processes or ProcessGroup()

    def within(self, name: str) -> OutputCache:
        """The outputs in a directory of this one."""
        return OutputCache(self.directory / name, self.processes)

    def value(self, name: str, depends_on: Any, compute: Callable[[], Any]) -> Any:
        """A JSON value, computed now unless it is there and still valid; for one process only.

        Args:
            name: Path of its file in this directory, without `.json`.
            depends_on: All that it depends on, as JSON values.
            compute: Computes it.

        Raises:
            ValueError: A newer version of this package has written the value that is there.
        """
        path, fingerprint = self.directory / f"{name}.json", hash_json(depends_on)
        kept = _checked(read_json(path), path)
        if kept is not None and kept["fingerprint"] == fingerprint:
            return kept["value"]
        value = compute()
        write_json(path, {"format": FORMAT, "fingerprint": fingerprint, "value": value})
        return value

    def output(self, name: str, depends_on: Any, make: Callable[[Path], Any]) -> StageOutput:
        """A directory, made now unless it is there and still valid; see `cached_directory`.

        Args:
            name: Path of the directory in this one.
            depends_on: All that its contents depend on, as JSON values.
            make: Makes it.
        """
        return cached_directory(self.directory / name, hash_json(depends_on), make, self.processes)


class StageCache(OutputCache):
    """The directory of a run: the outputs of its stages, and what each stage cost.

    Wall seconds of every stage are kept in `stages.json`. An interrupted stage adds up over its
    calls. A finished one costs nothing more. One with other inputs starts anew.
    """

    def __init__(self, directory: Path, processes: ProcessGroup | None = None) -> None:
        """Open the directory of a run, or begin one.

        Args:
            directory: The directory of the run.
            processes: The processes, each of which makes this call. None: this process.

        Raises:
            ValueError: The directory holds something else, which a run would write over.
        """
        super().__init__(directory, processes)
        self._gone_through: set[str] = set()
        found = self.processes.from_main(self._read_or_begin)
        if not found:
            raise ValueError(
                f"The output directory {directory} is not empty and is not that of a run (it has "
                f"no {_STAGES}). Name a new directory, so that nothing of yours is written over."
            )
        self._stages: dict[str, dict[str, Any]] = json.loads(found)

    @contextmanager
    def timed(self, stage: str, depends_on: Any) -> Iterator[None]:
        """Time a block as (a part of) a stage.

        Args:
            stage: Name of the stage.
            depends_on: All that the output of the stage depends on, as JSON values.
        """
        fingerprint = hash_json(depends_on)
        self._gone_through.add(stage)
        entry = self._stages.get(stage, {})
        if entry.get("fingerprint") != fingerprint:
            entry = {"fingerprint": fingerprint, "seconds": 0.0, "done": False}
        if entry["done"]:
            yield
            return
        start = time.perf_counter()
        try:
            yield
            entry["done"] = True
        finally:
            entry["seconds"] += time.perf_counter() - start
            self._stages[stage] = entry
            if self.processes.is_main:
                write_json(self.directory / _STAGES, self._stages)

    def seconds(self) -> dict[str, float]:
        """Stage → wall seconds, for the stages that this object has gone through."""
        return {
            stage: round(entry["seconds"], 2)
            for stage, entry in self._stages.items()
            if stage in self._gone_through
        }

    def _read_or_begin(self) -> str:
        """The log of stages as JSON; "" if the directory is not that of a run."""
        path = self.directory / _STAGES
        if not path.is_file():
            if self.directory.is_dir() and any(self.directory.iterdir()):
                return ""
            write_json(path, {})
        return path.read_text(encoding="utf-8")


def _begin(unfinished: Path) -> str:
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    return ""


def _finish(directory: Path, fingerprint: str, value: Any) -> str:
    """Keep a finished output; the value is returned as JSON."""
    record = {"format": FORMAT, "fingerprint": fingerprint, "value": value}
    write_json(unfinished_path(directory) / RECORD, record)
    replace_directory(directory)
    _beside(directory).unlink(missing_ok=True)
    shutil.rmtree(_all_checkpoints(directory), ignore_errors=True)
    return json.dumps(value)


def _read_record(directory: Path) -> dict[str, Any] | None:
    """The record of a directory, of whatever version of this package; None if it has none."""
    record = _checked(read_json(directory / RECORD), directory / RECORD)
    if record is not None or not directory.is_dir():
        return record
    for path in (*(directory / name for name in _OLD_RECORDS), _beside(directory)):
        found = read_json(path)
        if found is not None:
            value = {name: part for name, part in found.items() if name != "fingerprint"}
            return {"fingerprint": found.get("fingerprint"), "value": value}
    return None


def _checked(record: dict[str, Any] | None, path: Path) -> dict[str, Any] | None:
    """A record, if this version can read it."""
    if record is not None and record.get("format", FORMAT) > FORMAT:
        raise ValueError(
            f"{path} has the format {record['format']}, and this version of dixtill_hf reads up to "
            f"{FORMAT}: install a newer version, or name another output directory."
        )
    return record


def _as_text(output: StageOutput | None) -> str:
    return "" if output is None else json.dumps(output.value)


def _beside(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}{_OLD_RECORD_BESIDE}")


def _all_checkpoints(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.checkpoints")
