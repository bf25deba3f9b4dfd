# SPDX-License-Identifier: Apache-2.0
"""What each stage of a run cost, over all the calls that it took."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.artifacts.process_group import ProcessGroup


class StageLog:
    """Wall seconds of every stage, kept beside the outputs as `stages.json`.

    An interrupted stage adds up over its calls; a finished one that is found again costs nothing
    more; one whose inputs changed starts anew.

    Attributes:
        path: Of `stages.json`.
        processes: The processes that work on the run. The main one keeps the log, as it keeps all
            else in the run's directory.
    """

    def __init__(self, directory: Path, processes: ProcessGroup | None = None) -> None:
        """Read the log of a run's directory, or begin one.

        Args:
            directory: The run's directory.
            processes: The processes, each of which makes this call; None: this one alone.

        Raises:
            ValueError: The directory holds something else, which a run would write over.
        """
        self.path = directory / "stages.json"
        self.processes = processes or ProcessGroup()
        self._seen: set[str] = set()
        found = self.processes.from_main(self._read_or_begin)
        if not found:
            raise ValueError(
                f"The output directory {directory} is not empty and is not that of a run (it has "
                "no stages.json). Name a new directory, so that nothing of yours is written over."
            )
        self._stages: dict[str, dict] = json.loads(found)

    @contextmanager
    def timed(self, stage: str, fingerprint: str) -> Iterator[None]:
        """Time a block as (a part of) a stage whose output depends on `fingerprint`."""
        self._seen.add(stage)
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
                write_json(self.path, self._stages)

    def seconds(self) -> dict[str, float]:
        """Stage → wall seconds, for the stages that this run has gone through."""
        return {
            stage: round(entry["seconds"], 2)
            for stage, entry in self._stages.items()
            if stage in self._seen
        }

    def _read_or_begin(self) -> str:
        """The log as JSON; "" where the directory is not that of a run."""
        directory = self.path.parent
        if not self.path.is_file():
            if directory.is_dir() and any(directory.iterdir()):
                return ""
            write_json(self.path, {})
        return self.path.read_text(encoding="utf-8")
