# SPDX-License-Identifier: Apache-2.0
"""Parquet shards on disk: what was annotated stays annotated, whatever interrupts the rest."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub.constants import HF_HOME

from dixtill_hf.teacher.annotation.files import (
    DamagedFileError,
    read_whole,
    remove_leftovers,
    write_whole,
)
from dixtill_hf.teacher.annotation.index import ShardIndex
from dixtill_hf.teacher.annotation.keys import KEY_TYPE, as_keys, hash_keys
from dixtill_hf.teacher.annotation.team import Team

logger = logging.getLogger(__name__)

_KEY = "key"
_SUFFIX = ".parquet"
_SETTINGS = b"dixtill_settings"


def default_cache_dir() -> Path:
    """`annotations` in the folder that `DIXTILL_CACHE` names, else in Hugging Face's own cache."""
    return Path(os.environ.get("DIXTILL_CACHE", Path(HF_HOME) / "dixtill_hf")) / "annotations"


class ShardStore:
    """The annotated texts of one teacher with one explainer, whichever datasets they came from.

    A shard is named by the hash of its keys, so that the same work has the same name, and by the
    checksum of its content. It carries the hash of the settings that it depends on.

    Attributes:
        directory: The folder of the shards.
        index: Where each text stands, as of the last `refresh` and what was added since.
    """

    def __init__(self, directory: Path, settings: str) -> None:
        """Name the store below `directory` of the settings with this hash; nothing is read yet."""
        self.directory = directory
        self.index = ShardIndex()
        self._settings = settings.encode()

    def refresh(self, team: Team) -> None:
        """Take in the shards that the index does not have yet.

        Each process of the team reads a part of them, once, and checks that they are whole. A
        damaged or foreign one is named in a warning and set aside, so that its texts are missing.
        """
        known = set(self.index.names)
        listed = team.from_main(lambda: "\n".join(self._listed()))
        names = [name for name in listed.split() if name not in known]
        own = [self._checked_keys(name) for name in names[team.rank :: team.size]]
        sizes = team.gather(np.array([len(keys) for keys in own], np.int64).tobytes())
        parts = team.gather(b"".join(keys.tobytes() for keys in own))
        found = [
            np.split(as_keys(part), np.cumsum(np.frombuffer(size, np.int64))[:-1])
            for size, part in zip(sizes, parts, strict=True)
        ]
        for position, name in enumerate(names):
            keys = found[position % team.size][position // team.size]
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
            {_SETTINGS: self._settings}
        )
        return write_whole(
            self.directory,
            hash_keys(keys),
            _SUFFIX,
            lambda file: pq.write_table(table, file),
        )

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
        data = read_whole(path)
        try:
            shard = pq.ParquetFile(pa.BufferReader(data))
        except pa.ArrowInvalid as error:
            raise DamagedFileError(f"{path} is no Parquet file: {error}") from error
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
