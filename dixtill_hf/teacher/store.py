# SPDX-License-Identifier: Apache-2.0
"""Parquet shards on disk: what was annotated stays annotated, whatever interrupts the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub.constants import HF_HOME

_FINGERPRINT_KEY = b"dixtill_fingerprint"


def default_cache_dir() -> Path:
    """`annotations` in the folder that `DIXTILL_CACHE` names, else in Hugging Face's own cache."""
    return Path(os.environ.get("DIXTILL_CACHE", Path(HF_HOME) / "dixtill_hf")) / "annotations"


class ShardStore:
    """The numbered shards of one annotation.

    A shard is written under a temporary name, synced and renamed, so a shard that exists is
    whole. Each carries the fingerprint of all that it depends on.
    """

    def __init__(self, cache_dir: Path, fingerprint: str) -> None:
        """Open the store of `fingerprint` below `cache_dir`, which is made when first written."""
        self.directory = cache_dir / fingerprint
        self.fingerprint = fingerprint

    def read(self, number: int) -> pa.Table | None:
        """The shard's table, or None if it was not written, is damaged, or is another's."""
        path = self._path(number)
        if not path.is_file():
            return None
        try:
            table = pq.read_table(path)
        except (pa.ArrowInvalid, OSError):
            return None
        owner = (table.schema.metadata or {}).get(_FINGERPRINT_KEY, b"").decode()
        return table if owner == self.fingerprint else None

    def write(self, number: int, table: pa.Table) -> None:
        """Write a shard so that it is there whole or not at all.

        Raises:
            OSError: The disk is full or cannot be written to; finished shards are untouched.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        metadata = {**(table.schema.metadata or {}), _FINGERPRINT_KEY: self.fingerprint.encode()}
        temporary = self._path(number).with_suffix(f".{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                pq.write_table(table.replace_schema_metadata(metadata), file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path(number))
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise OSError(
                f"The annotations could not be written to {self.directory}: {error}. "
                "What was finished before is intact: free some space, or name another "
                "cache_dir, and run the same call again."
            ) from error

    def _path(self, number: int) -> Path:
        return self.directory / f"shard-{number:06d}.parquet"
