# SPDX-License-Identifier: Apache-2.0
"""The store of annotations: shards with checksums, the keys of their texts, and an index of them.

A key is a hash of the text and of all else that the explainer reads: 16 bytes, so that even among a
billion texts no two share one. Arrays of keys are `S16`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub.constants import HF_HOME

from dixtill_hf.artifacts.checksummed_files import (
    DamagedFileError,
    check_version,
    read_whole,
    remove_leftovers,
    write_whole,
)
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.artifacts.storage import Storage, is_remote
from dixtill_hf.data.columns import TEXT, TEXT_PAIR
from dixtill_hf.data.text_pairs import text_columns

logger = logging.getLogger(__name__)

_KEY_BYTES = 16
KEY_TYPE = np.dtype(f"S{_KEY_BYTES}")
# Version of the files in a cache of annotations: shards, assembled datasets and settings. Files
# without a version were written before there was one, and are version 1.
CACHE_VERSION = 1
_VERSION = b"dixtill_version"
_KEY = "key"
_SUFFIX = ".parquet"
_SETTINGS = b"dixtill_settings"


def as_keys(data: bytes) -> np.ndarray:
    """Keys from their bytes, one after the other."""
    return np.frombuffer(data, dtype=KEY_TYPE)


def row_keys(
    batch: Mapping[str, Sequence[Any]], reads: Sequence[str], rows: Sequence[int] | np.ndarray
) -> np.ndarray:
    """The keys of a batch of rows, `(rows,)`.

    The second text of a pair is read like a further column.

    Args:
        batch: Column → values; has the text and all that the explainer reads.
        reads: The columns that the explainer reads in addition to the text.
        rows: Row numbers of the batch in its dataset, for messages.

    Raises:
        ValueError: A text is missing or is none.
    """
    names = text_columns(batch)
    digests = []
    for index, text in enumerate(batch[TEXT]):
        for name in names:
            _check_text(batch[name][index], name, rows[index])
        row = {name: batch[name][index] for name in (*names[1:], *reads)}
        digests.append(_key(text, row))
    return as_keys(b"".join(digests))


def _check_text(text: object, column: str, row: int) -> None:
    if not isinstance(text, str):
        raise ValueError(
            f"Row {row} has no {'second ' * (column == TEXT_PAIR)}text: its column {column!r} "
            f"holds {text!r}. Leave such rows out: "
            f"dataset.filter(lambda row: isinstance(row[{column!r}], str))."
        )


def hash_keys(keys: np.ndarray) -> str:
    """Hash of keys in their order."""
    return hashlib.blake2b(keys.tobytes(), digest_size=_KEY_BYTES).hexdigest()


def first_of_each(keys: np.ndarray) -> np.ndarray:
    """Positions of the first occurrence of each key, ascending."""
    return np.sort(np.unique(keys, return_index=True)[1])


def _key(text: str, row: Mapping[str, Any]) -> bytes:
    encoded = text.encode("utf-8", errors="surrogatepass")
    digest = hashlib.blake2b(len(encoded).to_bytes(8, "little"), digest_size=_KEY_BYTES)
    digest.update(encoded)
    if row:
        digest.update(json.dumps(row, sort_keys=True, default=str).encode())
    return digest.digest()


def version_metadata() -> dict[bytes, bytes]:
    """What the Arrow schema of a file in the cache says about its format."""
    return {_VERSION: str(CACHE_VERSION).encode()}


def check_schema_version(path: Path, schema: pa.Schema) -> None:
    """Refuse a Parquet or Arrow file of the cache whose format is newer than this release.

    Raises:
        ValueError: The version is newer; names the file.
    """
    found = (schema.metadata or {}).get(_VERSION)
    check_version(path, None if found is None else int(found), CACHE_VERSION)


class Places(NamedTuple):
    """Places of rows in shards.

    Attributes:
        shards: Position in `ShardIndex.names`, int32; -1 for a row that no shard has.
        rows: Row of that shard, int32.
    """

    shards: np.ndarray
    rows: np.ndarray


class _Run(NamedTuple):
    """Keys in their order, with the place of each."""

    keys: np.ndarray
    shards: np.ndarray
    rows: np.ndarray


class ShardIndex:
    """The keys of all shards.

    They are held as a few sorted runs, each at least twice as long as the next, so that adding a
    shard is cheap however many there are.

    Attributes:
        names: Names of the shards, in the order in which they were added.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._runs: list[_Run] = []

    def add(self, name: str, keys: np.ndarray) -> None:
        """Add a shard by the keys of its rows."""
        order = np.argsort(keys, kind="stable")
        shards = np.full(len(keys), len(self.names), np.int32)
        self.names.append(name)
        self._runs.append(_Run(keys[order], shards, order.astype(np.int32)))
        while len(self._runs) > 1 and len(self._runs[-2].keys) < 2 * len(self._runs[-1].keys):
            self._runs[-2:] = [_merged(*self._runs[-2:])]

    def find(self, keys: np.ndarray) -> Places:
        """The place of each of these keys; in the shard added first if several have it."""
        places = Places(np.full(len(keys), -1, np.int32), np.zeros(len(keys), np.int32))
        for run in reversed(self._runs):
            at = np.minimum(np.searchsorted(run.keys, keys), len(run.keys) - 1)
            found = run.keys[at] == keys
            places.shards[found] = run.shards[at[found]]
            places.rows[found] = run.rows[at[found]]
        return places

    def has(self, keys: np.ndarray) -> np.ndarray:
        """Whether a shard has each of these keys, bool."""
        return self.find(keys).shards >= 0


def _merged(older: _Run, newer: _Run) -> _Run:
    both = [np.concatenate(parts) for parts in zip(older, newer, strict=True)]
    order = np.argsort(both[0], kind="stable")
    return _Run(*(part[order] for part in both))


def default_cache_dir() -> Path:
    """`annotations` in the folder that `DIXTILL_CACHE` names, else in Hugging Face's own cache."""
    return Path(os.environ.get("DIXTILL_CACHE", Path(HF_HOME) / "dixtill_hf")) / "annotations"


def cache_places(cache_dir: str | Path | None) -> tuple[Path, Storage | None]:
    """Where annotations are kept on this machine, and in which object store, if in one.

    What is in an object store is kept on this machine too, in the default cache.

    Args:
        cache_dir: A directory, or an fsspec URL such as `s3://bucket/annotations`; None is the
            default cache.

    Raises:
        ImportError: The package of the URL's file system is not installed; says which.
    """
    if cache_dir is None:
        return default_cache_dir(), None
    if not is_remote(cache_dir):
        return Path(cache_dir), None
    name = hashlib.blake2b(str(cache_dir).encode(), digest_size=_KEY_BYTES).hexdigest()
    return default_cache_dir() / "object_stores" / name, Storage.at(cache_dir)


def check_cache(directory: Path) -> None:
    """Refuse a directory of the cache that cannot be written to, before anything is computed.

    Raises:
        OSError: It cannot; says where it is, and how to name another.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise OSError(
            f"Nothing can be written to {directory} ({error.strerror}). Give another directory: "
            "cache_dir=... of annotate and label_variants, output_dir=... of distill, or the "
            "environment variable DIXTILL_CACHE; without them it is in that of Hugging Face, "
            f"HF_HOME, which is {HF_HOME}."
        ) from error


class ShardStore:
    """The annotated texts of one teacher with one explainer, whichever datasets they came from.

    A shard is named by the hash of its keys, so that the same work has the same name, and by the
    checksum of its content. It carries the hash of the settings that it depends on.

    Attributes:
        directory: The folder of the shards.
        index: The place of each text, as of the last `refresh` and what was added since.
    """

    def __init__(self, directory: Path, settings: str, remote: Storage | None = None) -> None:
        """Name the store below `directory` of the settings with this hash; nothing is read yet."""
        self.directory = directory
        self.index = ShardIndex()
        self._settings = settings.encode()
        self._remote = remote

    def refresh(self, processes: ProcessGroup) -> None:
        """Take in the shards that the index does not have yet.

        Each process reads a part of them, once, and checks that they are whole. A
        damaged or foreign one is named in a warning and set aside, so that its texts are missing.
        """
        known = set(self.index.names)
        listed = processes.from_main(lambda: "\n".join(self._listed()))
        names = [name for name in listed.split() if name not in known]
        own = [self._checked_keys(name) for name in names[processes.rank :: processes.size]]
        sizes = processes.gather(np.array([len(keys) for keys in own], np.int64).tobytes())
        parts = processes.gather(b"".join(keys.tobytes() for keys in own))
        found = [
            np.split(as_keys(part), np.cumsum(np.frombuffer(size, np.int64))[:-1])
            for size, part in zip(sizes, parts, strict=True)
        ]
        for position, name in enumerate(names):
            keys = found[position % processes.size][position // processes.size]
            if len(keys):
                self.index.add(name, keys)

    def write(self, keys: np.ndarray, table: pa.Table) -> str:
        """Write a shard, whole or not at all, and return its name; the index is left as it is.

        Raises:
            OSError: The disk is full or cannot be written to; finished shards are untouched.
        """
        column = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(KEY_TYPE.itemsize), len(keys), [None, pa.py_buffer(keys.tobytes())]
        )
        table = table.add_column(0, _KEY, column).replace_schema_metadata(
            {_SETTINGS: self._settings, **version_metadata()}
        )
        name = write_whole(
            self.directory,
            hash_keys(keys),
            _SUFFIX,
            lambda file: pq.write_table(table, file),
        )
        if self._remote is not None:
            content = (self.directory / name).read_bytes()
            self._remote.write(name, lambda file: file.write(content))
        return name

    def read(self, name: str, schema: pa.Schema) -> pa.RecordBatch:
        """The annotation columns of a shard, as one batch.

        Raises:
            DamagedFileError: It is no longer there, or no longer whole.
        """
        try:
            table = self._open(name).read(schema.names, use_threads=False)
        except DamagedFileError as error:
            raise DamagedFileError(
                f"{error}. It was whole when it was written: let cache_dir (or $DIXTILL_CACHE) be "
                "on a disk that all processes share, and make the same call again."
            ) from error
        return table.cast(schema).combine_chunks().to_batches()[0]

    def rows(self, keys: np.ndarray, schema: pa.Schema) -> pa.Table:
        """The annotation columns of texts that the index has."""
        places = self.index.find(keys)
        used, shards = np.unique(places.shards, return_inverse=True)
        batches = [self.read(self.index.names[shard], schema) for shard in used]
        return take_rows(batches, shards, places.rows)

    def _listed(self) -> list[str]:
        return sorted({*self._listed_here(), *self._listed_there()})

    def _listed_there(self) -> list[str]:
        """The shards in the object store, which are fetched when they are read."""
        if self._remote is None:
            return []
        return [name for name in self._remote.names() if name.endswith(_SUFFIX)]

    def _listed_here(self) -> list[str]:
        if not self.directory.is_dir():
            return []
        remove_leftovers(self.directory)
        with os.scandir(self.directory) as entries:
            return sorted(entry.name for entry in entries if entry.name.endswith(_SUFFIX))

    def _checked_keys(self, name: str) -> np.ndarray:
        """The keys of a shard; none where it is damaged or another's, after setting it aside."""
        try:
            column = self._open(name).read([_KEY], use_threads=False).column(0)
        except DamagedFileError as error:
            aside = self.directory / f"{name}.damaged"
            logger.warning(
                "%s. It is set aside as %s, and its texts are annotated anew.", error, aside.name
            )
            with suppress(FileNotFoundError):
                (self.directory / name).replace(aside)
            return np.zeros(0, KEY_TYPE)
        return as_keys(b"".join(column.to_pylist()))

    def _open(self, name: str) -> pq.ParquetFile:
        path = self.directory / name
        if self._remote is not None and not path.is_file():
            self._remote.fetch(name, path)
        data = read_whole(path)
        try:
            shard = pq.ParquetFile(pa.BufferReader(data))
        except pa.ArrowInvalid as error:
            raise DamagedFileError(f"{path} is no Parquet file: {error}") from error
        check_schema_version(path, shard.schema_arrow)
        if (shard.schema_arrow.metadata or {}).get(_SETTINGS) != self._settings:
            raise DamagedFileError(f"{path} was made with other settings than its folder's")
        return shard


def take_rows(batches: Sequence[pa.RecordBatch], shards: np.ndarray, rows: np.ndarray) -> pa.Table:
    """Gather rows of batches: the one in place i is row `rows[i]` of batch `shards[i]`."""
    order = np.argsort(shards, kind="stable")
    borders = np.flatnonzero(np.diff(shards[order])) + 1
    parts = [
        batches[shards[group[0]]].take(pa.array(rows[group])) for group in np.split(order, borders)
    ]
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return pa.Table.from_batches(parts).combine_chunks().take(pa.array(back))
