# SPDX-License-Identifier: Apache-2.0
"""A measurement is made once, and again when what it depends on has changed."""

from pathlib import Path

import pytest

from dixtill_hf.workflow.measurement_store import MeasurementStore


@pytest.fixture
def calls() -> list[str]:
    return []


def test_a_measurement_is_made_once(tmp_path: Path, calls: list[str]):
    def measure() -> dict[str, int]:
        calls.append("measured")
        return {"value": len(calls)}

    first = MeasurementStore(tmp_path).once("speed", ["a", 1], measure)
    assert MeasurementStore(tmp_path).once("speed", ["a", 1], measure) == first
    assert len(calls) == 1
    assert MeasurementStore(tmp_path).once("speed", ["a", 2], measure) == {"value": 2}


def test_a_failed_measurement_leaves_nothing(tmp_path: Path):
    def fail() -> None:
        raise OSError("the disk is full")

    store = MeasurementStore(tmp_path)
    with pytest.raises(OSError, match="full"):
        store.once("speed", [], fail)
    assert store.once("speed", [], lambda: 7) == 7


def test_a_directory_is_made_again_where_it_is_missing_or_stale(tmp_path: Path, calls: list[str]):
    def make(path: Path) -> None:
        calls.append(path.name)
        path.mkdir()
        (path / "model").write_text(str(len(calls)))

    store = MeasurementStore(tmp_path / "new")
    made = store.directory_once("int8", "teacher", make)
    assert store.directory_once("int8", "teacher", make) == made
    assert (made / "model").read_text() == "1"
    store.directory_once("int8", "another teacher", make)
    assert (made / "model").read_text() == "2"
    (made / "model").unlink()
    made.rmdir()
    store.directory_once("int8", "another teacher", make)
    assert (made / "model").read_text() == "3"


def test_a_directory_that_was_not_finished_is_made_again(tmp_path: Path):
    def break_off(path: Path) -> None:
        path.mkdir()
        raise KeyboardInterrupt

    store = MeasurementStore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.directory_once("int8", 1, break_off)
    assert not list(store.directory_once("int8", 1, Path.mkdir).iterdir())
