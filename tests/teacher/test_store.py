# SPDX-License-Identifier: Apache-2.0
"""A shard that exists is whole, and is this annotation's."""

from pathlib import Path

import pyarrow as pa
import pytest

from dixtill_hf.teacher.store import ShardStore

TABLE = pa.table({"x": [1, 2, 3]})


def test_what_was_written_is_read(tmp_path):
    store = ShardStore(tmp_path, "f")
    assert store.read(0) is None
    store.write(0, TABLE)
    assert store.read(0).column("x").to_pylist() == [1, 2, 3]
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_damaged_shard_counts_as_missing(tmp_path):
    store = ShardStore(tmp_path, "f")
    store.write(0, TABLE)
    (shard,) = tmp_path.rglob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:-9])
    assert store.read(0) is None


def test_a_foreign_shard_counts_as_missing(tmp_path):
    ShardStore(tmp_path, "f").write(0, TABLE)
    (tmp_path / "f").rename(tmp_path / "g")
    assert ShardStore(tmp_path, "g").read(0) is None


def test_a_full_disk_leaves_what_was_done(tmp_path, monkeypatch):
    store = ShardStore(tmp_path, "f")
    store.write(0, TABLE)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match=r"No space left.*finished before is intact"):
        store.write(1, TABLE)
    monkeypatch.undo()
    assert store.read(0) is not None
    assert not list(tmp_path.rglob("*.tmp"))
