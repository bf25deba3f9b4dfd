# SPDX-License-Identifier: Apache-2.0
"""The annotation of one dataset, gathered from the shards into one memory-mapped Arrow file."""

from __future__ import annotations

import logging
import mmap
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from dixtill_hf.teacher.annotation.files import is_whole, remove_leftovers, write_whole
from dixtill_hf.teacher.annotation.store import ShardStore, take_rows

logger = logging.getLogger(__name__)

_SUFFIX = ".arrow"
_ROWS_AT_ONCE = 4096


def find_assembled(directory: Path, fingerprint: str) -> str:
    """The file of an annotation, "" if there is none; a damaged one is named and removed.

    Args:
        directory: The folder of assembled files.
        fingerprint: Of the settings and the texts.
    """
    remove_leftovers(directory)
    for path in sorted(directory.glob(f"{fingerprint}-*{_SUFFIX}")):
        if is_whole(path):
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

    def write(file: BinaryIO) -> None:
        with (
            tempfile.TemporaryFile(dir=directory) as unnamed,
            pa.ipc.new_stream(file, schema) as writer,
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
