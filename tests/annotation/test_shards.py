# SPDX-License-Identifier: Apache-2.0
"""A shard whose rows are used is whole, and is this store's."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dixtill_hf.annotation import annotator, preparation
from dixtill_hf.annotation.shards import (
    ShardStore,
    default_cache_dir,
    hash_keys,
    row_keys,
    take_rows,
)
from dixtill_hf.artifacts.checksummed_files import DamagedFileError
from dixtill_hf.artifacts.process_group import ProcessGroup

TABLE = pa.table({"x": [1, 2, 3], "ys": [[1.5], [], [2.5, 3.5]]})
KEYS = row_keys({"text": ["a", "b", "c"]}, [], range(3))


def _opened(directory, settings="settings"):
    store = ShardStore(directory, settings)
    store.refresh(ProcessGroup())
    return store


def test_what_was_written_is_found_by_its_keys(tmp_path):
    store = _opened(tmp_path)
    assert not store.index.has(KEYS).any()
    store.write(KEYS, TABLE)
    store.refresh(ProcessGroup())
    assert store.index.has(KEYS).all()
    assert store.rows(KEYS[[2, 0, 2]], TABLE.schema).to_pydict() == {
        "x": [3, 1, 3],
        "ys": [[2.5, 3.5], [1.5], [2.5, 3.5]],
    }


def test_the_same_work_has_the_same_name_and_other_work_another(tmp_path):
    store = ShardStore(tmp_path, "settings")
    name = store.write(KEYS, TABLE)
    assert name.startswith(hash_keys(KEYS))
    assert store.write(KEYS, TABLE) == name
    assert not store.write(KEYS[:2], TABLE[:2]).startswith(hash_keys(KEYS))


def test_a_shard_is_a_parquet_file_that_tells_its_settings(tmp_path):
    path = tmp_path / ShardStore(tmp_path, "settings").write(KEYS, TABLE)
    table = pq.read_table(path)
    assert table.column_names == ["key", "x", "ys"]
    assert table.column("key").to_pylist() == [bytes(key) for key in KEYS]
    assert b"settings" in table.schema.metadata.values()


def _flip_a_bit(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << (position % 8)
    path.write_bytes(data)


def test_any_flipped_bit_is_found_before_the_rows_are_used(tmp_path):
    path = tmp_path / ShardStore(tmp_path, "settings").write(KEYS, TABLE)
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        _flip_a_bit(path, position)
        assert not _opened(tmp_path).index.has(KEYS).any()
        path.write_bytes(whole)
    assert _opened(tmp_path).index.has(KEYS).all()


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-9])


def _empty(path):
    path.write_bytes(b"")


def _flip(path):
    _flip_a_bit(path, 40)


@pytest.mark.parametrize("damage", [_truncate, _empty, _flip])
def test_a_damaged_shard_is_named_and_set_aside(tmp_path, caplog, damage):
    store = ShardStore(tmp_path, "settings")
    damaged, whole = store.write(KEYS[:2], TABLE[:2]), store.write(KEYS[2:], TABLE[2:])
    damage(tmp_path / damaged)
    assert _opened(tmp_path).index.has(KEYS).tolist() == [False, False, True]
    assert damaged in caplog.text
    assert "is damaged" in caplog.text
    assert {path.name for path in tmp_path.iterdir()} == {f"{damaged}.damaged", whole}
    assert store.write(KEYS[:2], TABLE[:2]) == damaged
    assert _opened(tmp_path).index.has(KEYS).all()


def test_a_foreign_shard_is_named_and_set_aside(tmp_path, caplog):
    name = ShardStore(tmp_path, "others").write(KEYS, TABLE)
    assert not _opened(tmp_path).index.has(KEYS).any()
    assert name in caplog.text
    assert "other settings" in caplog.text
    assert not (tmp_path / name).exists()


def test_a_shard_that_is_lost_or_damaged_in_use_is_named(tmp_path):
    name = ShardStore(tmp_path, "settings").write(KEYS, TABLE)
    store = _opened(tmp_path)
    _flip(tmp_path / name)
    with pytest.raises(DamagedFileError, match=rf"{name} is damaged.*make the same call again"):
        store.read(name, TABLE.schema)
    (tmp_path / name).unlink()
    with pytest.raises(DamagedFileError, match=rf"{name} is not there.*processes share"):
        store.rows(KEYS, TABLE.schema)


def test_each_shard_is_read_once_to_open_the_store(tmp_path, monkeypatch):
    store = _opened(tmp_path)
    for row in range(3):
        store.write(KEYS[row : row + 1], TABLE[row : row + 1])
    opened = []
    check = ShardStore._checked_keys
    monkeypatch.setattr(
        ShardStore, "_checked_keys", lambda self, name: opened.append(name) or check(self, name)
    )
    for _ in range(2):
        store.refresh(ProcessGroup())
    assert len(opened) == 3


def test_rows_are_gathered_in_any_order_from_many_batches():
    batches = [
        pa.RecordBatch.from_pydict({"n": [[shard, row] for row in range(5)]}) for shard in range(4)
    ]
    random = np.random.default_rng(0)
    shards, rows = random.integers(0, 4, 50), random.integers(0, 5, 50)
    table = take_rows(batches, shards, rows)
    assert table.column("n").to_pylist() == [list(pair) for pair in zip(shards, rows, strict=True)]


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("DIXTILL_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path / "annotations"
    monkeypatch.delenv("DIXTILL_CACHE")
    assert default_cache_dir().parts[-2:] == ("dixtill_hf", "annotations")


def test_a_cache_that_cannot_be_written_is_named_before_any_work(
    cheaply, dataset, computed, tmp_path
):
    (tmp_path / "file").write_text("no folder")
    message = r"Nothing can be written to .*file.* cache_dir=.*DIXTILL_CACHE.*HF_HOME"
    for settings in ({}, {"explainer": "none"}, {"steps": None}):
        with pytest.raises(OSError, match=message):
            cheaply(dataset, cache_dir=tmp_path / "file" / "cache", **settings)
    assert computed == []


def test_a_cache_that_is_complete_need_not_be_written(cheaply, dataset, monkeypatch):
    first = cheaply(dataset)

    def read_only(directory):
        raise OSError("read-only")

    for module in (annotator, preparation):
        monkeypatch.setattr(module, "check_cache", read_only)
    assert cheaply(dataset).to_dict() == first.to_dict()
