# SPDX-License-Identifier: Apache-2.0
"""The annotation of whole datasets: planned, shared among processes, kept, and put together."""

from __future__ import annotations

import json
import logging
import mmap
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from datasets import Dataset
from datasets.table import MemoryMappedTable
from tqdm.auto import tqdm

from dixtill_hf.annotation.planning import Limits, assign_shards, plan_shards
from dixtill_hf.annotation.preparation import prepare
from dixtill_hf.annotation.shards import (
    CACHE_VERSION,
    KEY_TYPE,
    ShardStore,
    check_cache,
    check_schema_version,
    first_of_each,
    hash_keys,
    row_keys,
    take_rows,
    version_metadata,
)
from dixtill_hf.annotation.worker import Worker, default_tokens
from dixtill_hf.artifacts.checksummed_files import (
    check_version,
    is_whole,
    remove_leftovers,
    write_whole,
)
from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.artifacts.storage import Storage
from dixtill_hf.data.text_pairs import text_columns, texts_of
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.explainers.embeddings import check_gradients
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.loading import Teacher

logger = logging.getLogger(__name__)

_SUFFIX = ".arrow"
_ROWS_AT_ONCE = 4096


def find_assembled(directory: Path, fingerprint: str) -> str:
    """The file of an annotation, "" if there is none; a damaged one is named and removed.

    Args:
        directory: The folder of assembled files.
        fingerprint: Hash of the settings and the texts.

    Raises:
        ValueError: Its format is newer than this release.
    """
    remove_leftovers(directory)
    for path in sorted(directory.glob(f"{fingerprint}-*{_SUFFIX}")):
        if is_whole(path):
            with pa.memory_map(str(path)) as file:
                check_schema_version(path, pa.ipc.open_stream(file).schema)
            return path.name
        logger.warning("%s is damaged: it is removed, and assembled anew from its shards.", path)
        path.unlink()
    return ""


def assemble(
    directory: Path, fingerprint: str, store: ShardStore, keys: np.ndarray, schema: pa.Schema
) -> str:
    """Write the rows of these keys, which the store must have, in their order.

    Memory stays flat: the shards are read once, one after the other, into an unnamed file, from
    which the rows are then gathered.

    Raises:
        OSError: The disk is full or cannot be written to, or a shard is no longer there.
    """
    places = store.index.find(keys)
    used, shards = np.unique(places.shards, return_inverse=True)

    marked = schema.with_metadata({**(schema.metadata or {}), **version_metadata()})

    def write(file: BinaryIO) -> None:
        with (
            tempfile.TemporaryFile(dir=directory) as unnamed,
            pa.ipc.new_stream(file, marked) as writer,
        ):
            batches = _read_into(unnamed, store, [store.index.names[i] for i in used], schema)
            for start in range(0, len(keys), _ROWS_AT_ONCE):
                part = slice(start, start + _ROWS_AT_ONCE)
                writer.write_table(take_rows(batches, shards[part], places.rows[part]))

    return write_whole(directory, fingerprint, _SUFFIX, write)


def _read_into(
    file: BinaryIO, store: ShardStore, names: Sequence[str], schema: pa.Schema
) -> list[pa.RecordBatch]:
    """The annotation columns of shards, memory-mapped from a file that they are written to."""
    with pa.ipc.new_stream(file, schema) as writer:
        for name in names:
            writer.write_batch(store.read(name, schema))
    file.flush()
    mapped = pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return pa.ipc.open_stream(pa.BufferReader(mapped)).read_all().to_batches()


_ROWS_READ_AT_ONCE = 1024
_ROWS_COMPARED = 64


class DatasetRows:
    """A dataset that all processes have, in the same order.

    Args:
        dataset: Has the text and all that the explainer reads.
        worker: Whose explainer it is.
        processes: The processes.
    """

    def __init__(self, dataset: Dataset, worker: Worker, processes: ProcessGroup) -> None:
        self._reads = worker.explainer.reads
        names = [*text_columns(dataset.column_names), *self._reads]
        self._dataset = dataset.with_format(None).select_columns(names)
        self._worker = worker
        self._processes = processes

    def read(self, rows: Sequence[int] | np.ndarray) -> dict[str, list[Any]]:
        """Rows as column → values."""
        return self._dataset[[int(row) for row in rows]]

    def keys(self) -> np.ndarray:
        """The keys of all rows, of which each process reads a part.

        Raises:
            ValueError: A text is missing, or the processes have different datasets.
        """
        self._check_same()
        return self._by_all(np.arange(len(self._dataset)), self._keys_of, KEY_TYPE)

    def costs(self, rows: np.ndarray) -> np.ndarray:
        """The costs of some rows, of which each process reads a part."""
        return self._by_all(
            rows, lambda part: self._worker.costs(texts_of(self.read(part))), np.int64
        )

    def _keys_of(self, rows: np.ndarray) -> np.ndarray:
        return row_keys(self.read(rows), self._reads, rows)

    def _by_all(
        self, rows: np.ndarray, read: Callable[[np.ndarray], np.ndarray], dtype: np.typing.DTypeLike
    ) -> np.ndarray:
        """The result of `read` for all rows; each process reads a part, a few rows at once."""
        share = self._processes.share(len(rows))
        seen = b"".join(
            read(rows[start : min(start + _ROWS_READ_AT_ONCE, share.stop)]).tobytes()
            for start in range(share.start, share.stop, _ROWS_READ_AT_ONCE)
        )
        return np.frombuffer(b"".join(self._processes.gather(seen)), dtype)

    def _check_same(self) -> None:
        """See from their number and a sample that the others' rows are the same."""
        count = len(self._dataset)
        sample = np.unique(np.linspace(0, count - 1, min(count, _ROWS_COMPARED)).astype(int))
        seen = f"{count} rows, {hash_keys(self._keys_of(sample)) if count else ''}"
        if len(set(self._processes.gather(seen.encode()))) > 1:
            raise ValueError(
                "The processes were given different datasets: all of them must load, shuffle and "
                "split the same data in the same way, with a seed where there is chance in it."
            )


def _fetch_all(remote: Storage, directory: Path) -> str:
    """Copy the files of an object store that are not there yet."""
    for name in remote.names():
        if not (directory / name).is_file():
            remote.fetch(name, directory / name)
    return ""


def _store_all(directory: Path, remote: Storage, pattern: str = "*") -> str:
    """Copy files to an object store that does not have them yet."""
    known = remote.names()
    for path in sorted(directory.glob(pattern)):
        if path.is_file() and path.name not in known:
            content = path.read_bytes()
            remote.write(path.name, partial(_write_bytes, content))
    return ""


def _write_bytes(content: bytes, file: BinaryIO) -> None:
    file.write(content)


# Raised when the numbers that an annotation holds change for the same settings.
ENGINE_VERSION = 3


class Annotator:
    """One teacher with one explainer, over any number of datasets.

    Attributes:
        worker: What does the work.
        limits: How much of it makes a shard.
        store: What is done, by whichever process and for whichever dataset.
    """

    def __init__(
        self, worker: Worker, teacher_hash: str, cache_dir: Path, remote: Storage | None = None
    ) -> None:
        self.worker = worker
        self.limits = Limits.of(worker.teacher, worker.explainer)
        self._settings = {
            "engine": ENGINE_VERSION,
            "teacher": teacher_hash,
            "explainer": worker.explainer.settings(),
        }
        self._hash = hash_json(self._settings)
        self._directory = cache_dir / self._hash
        self._remote = remote and remote.within(self._hash)
        shards = self._remote and self._remote.within("shards")
        self.store = ShardStore(self._directory / "shards", self._hash, shards)

    @classmethod
    def prepared(
        cls,
        teacher: Teacher,
        explainer: Explainer,
        sample: Sequence[Mapping[str, Any]],
        tokens_per_batch: int | None,
        cache_dir: Path,
        processes: ProcessGroup,
        remote: Storage | None = None,
    ) -> Annotator:
        """An annotator with the settings filled in that were left to the teacher.

        Args:
            teacher: The teacher.
            explainer: As the user gave it.
            sample: Rows to prepare it with.
            tokens_per_batch: Most tokens in memory at once; None takes what suits the device.
            cache_dir: Where annotations are kept.
            processes: The processes, each of which makes this call.
            remote: The object store that they are kept in too, if in one.

        Raises:
            ValueError: The explainer needs gradients, and the teacher has none.
        """
        if explainer.uses_gradients:
            check_gradients(teacher)
        budget = TokenBudget(tokens_per_batch or default_tokens(teacher))
        teacher_hash = hash_teacher(teacher)
        key = {"engine": ENGINE_VERSION, "teacher": teacher_hash}
        kept = cache_dir / "prepared"
        if remote is not None:
            processes.from_main(lambda: _fetch_all(remote.within("prepared"), kept))
        whole = prepare(explainer, teacher, sample, budget, kept, key, processes)
        if remote is not None:
            processes.from_main(lambda: _store_all(kept, remote.within("prepared")))
        return cls(Worker(teacher, whole, budget), teacher_hash, cache_dir, remote)

    def annotate(self, dataset: Dataset, name: str, processes: ProcessGroup) -> Dataset:
        """Only the added columns, one row for each of the dataset's.

        Args:
            dataset: Has the text and all that the explainer reads.
            name: Name of the split, for the progress bar.
            processes: The processes, each of which makes this call.
        """
        rows = DatasetRows(dataset, self.worker, processes)
        keys = rows.keys()
        fingerprint = hash_json([self._hash, hash_keys(keys)])
        directory = self._directory / "assembled"
        found = processes.from_main(lambda: find_assembled(directory, fingerprint))
        if not found:
            self.open(processes)
            self._complete(rows, keys, name, processes)
            found = processes.from_main(
                lambda: assemble(directory, fingerprint, self.store, keys, self.worker.schema)
            )
        table = MemoryMappedTable.from_file(str(directory / found))
        return Dataset(table, fingerprint=f"dixtill-{fingerprint}")

    def open(self, processes: ProcessGroup) -> None:
        """Make the store ready to be added to, and take in what it holds.

        Raises:
            OSError: The cache cannot be written to, or its disk is not shared by all processes.
        """
        path = self._directory / processes.from_main(self._describe)
        if self._remote is not None:
            remote = self._remote
            processes.from_main(lambda: _store_all(path.parent, remote, path.name))
        elif not path.is_file():
            raise OSError(
                f"{path}, which the main process has written, is not there for process "
                f"{processes.rank}. Let cache_dir (or $DIXTILL_CACHE) be on a disk that all "
                "processes share."
            )
        self.store.refresh(processes)

    def _describe(self) -> str:
        """Name of the file that says what the folder holds, which is written if it is missing."""
        check_cache(self._directory)
        remove_leftovers(self._directory)
        for path in self._directory.glob("settings-*.json"):
            found = json.loads(path.read_bytes())
            check_version(path, found.get("version"), CACHE_VERSION)
            return path.name
        name = self.worker.teacher.name
        described = {"version": CACHE_VERSION, "teacher_name": name, **self._settings}
        content = json.dumps(described, indent=2, default=str).encode()
        return write_whole(self._directory, "settings", ".json", lambda file: file.write(content))

    def _complete(
        self, rows: DatasetRows, keys: np.ndarray, name: str, processes: ProcessGroup
    ) -> None:
        """Annotate the texts that the store does not have; then all know where all of them are."""
        first = first_of_each(keys)
        absent = ~self.store.index.has(keys[first])
        left = first[absent]
        windows = np.flatnonzero(absent) // self.limits.window
        shards = plan_shards(windows, rows.costs(left), self.limits)
        assigned = assign_shards(shards, processes.size)
        own = [left[shards[number].texts] for number in assigned[processes.rank]]
        computed = self._compute(rows, keys, own, name, processes)
        written = processes.gather("\n".join(computed).encode())
        for numbers, names in zip(assigned, written, strict=True):
            for number, shard in zip(numbers, names.decode().split(), strict=True):
                self.store.index.add(shard, keys[left[shards[number].texts]])

    def _compute(
        self,
        rows: DatasetRows,
        keys: np.ndarray,
        shards: Sequence[np.ndarray],
        name: str,
        processes: ProcessGroup,
    ) -> list[str]:
        """Annotate the rows of each shard and write them down; the names of what was written."""
        names = []
        share = f" (process 1 of {processes.size})" if processes.size > 1 else ""
        with tqdm(
            total=sum(len(shard) for shard in shards),
            desc=f"Annotating {name}".strip() + share,
            unit="text",
            disable=not processes.is_main or not shards,
        ) as progress:
            for shard in shards:
                table = self.worker.annotate(rows.read(shard), shard.tolist())
                names.append(self.store.write(keys[shard], table))
                progress.update(len(shard))
        return names
