# SPDX-License-Identifier: Apache-2.0
"""Outputs of stages are computed once, whole or not at all, and what each stage cost is kept."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dixtill_hf.artifacts import stage_cache
from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.artifacts.stage_cache import (
    FORMAT,
    RECORD,
    StageCache,
    StageOutput,
    cached_directory,
    checkpoints_of,
    find_directory,
    is_replaceable,
)


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(stage_cache.time, "perf_counter", lambda: now[0])
    return now


def test_an_interrupted_stage_adds_up_and_a_finished_one_costs_no_more(tmp_path, clock):
    def interrupted():
        with StageCache(tmp_path).timed("annotate", "a"):
            clock[0] += 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    for seconds in (3, 5):  # the second finds the stage done
        with StageCache(tmp_path).timed("annotate", "a"):
            clock[0] += seconds
    assert _seconds(tmp_path, "annotate", "a") == {"annotate": 5.0}


def test_a_stage_with_other_inputs_starts_anew(tmp_path, clock):
    for fingerprint in ("a", "b"):
        with StageCache(tmp_path).timed("annotate", fingerprint):
            clock[0] += 4
    assert _seconds(tmp_path, "annotate", "b") == {"annotate": 4.0}


def test_stages_of_another_recipe_are_not_told(tmp_path, clock):
    with StageCache(tmp_path).timed("finetune", "a"):
        clock[0] += 4
    assert StageCache(tmp_path).seconds() == {}


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="not that of a run"):
        StageCache(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def _seconds(directory, stage: str, fingerprint: str) -> dict[str, float]:
    cache = StageCache(directory)
    with cache.timed(stage, fingerprint):
        return cache.seconds()


class Second(ProcessGroup):
    """The second of two processes, whose main process has this to say."""

    def from_main(self, function):
        log = {"load": {"fingerprint": hash_json("a"), "seconds": 3.0, "done": True}}
        return json.dumps(log)


def test_only_the_main_process_writes(tmp_path, clock):
    cache = StageCache(tmp_path / "run", Second(rank=1, size=2))
    for stage in ("load", "annotate"):
        with cache.timed(stage, "a"):
            clock[0] += 2
    assert cache.seconds() == {"load": 3.0, "annotate": 2.0}
    assert list(tmp_path.iterdir()) == []


def test_every_process_is_told_that_the_directory_is_of_something_else(tmp_path, monkeypatch):
    monkeypatch.setattr(Second, "from_main", lambda self, function: "")
    with pytest.raises(ValueError, match="not that of a run"):
        StageCache(tmp_path, Second(rank=1, size=2))


def test_a_value_is_computed_once(tmp_path):
    calls: list[int] = []

    def compute() -> dict[str, int]:
        calls.append(1)
        return {"value": len(calls)}

    first = StageCache(tmp_path).value("benchmark/speed", ["a", 1], compute)
    assert StageCache(tmp_path).value("benchmark/speed", ["a", 1], compute) == first
    assert len(calls) == 1
    assert StageCache(tmp_path).value("benchmark/speed", ["a", 2], compute) == {"value": 2}


def test_a_failed_computation_leaves_nothing(tmp_path):
    def fail() -> None:
        raise OSError("the disk is full")

    cache = StageCache(tmp_path)
    with pytest.raises(OSError, match="full"):
        cache.value("speed", [], fail)
    assert cache.value("speed", [], lambda: 7) == 7


def _write(text: str) -> Callable[[Path], str]:
    def make(directory: Path) -> str:
        directory.mkdir()
        (directory / "model").write_text(text)
        return f"made of {text}"

    return make


def test_a_directory_is_made_again_if_it_is_missing_or_stale(tmp_path):
    cache = StageCache(tmp_path)
    made = cache.output("new/int8", "teacher", _write("1"))
    assert cache.output("new/int8", "teacher", _write("2")) == made
    assert (made.directory / "model").read_text() == "1"
    assert made.value == "made of 1"
    other = cache.output("new/int8", "another teacher", _write("3"))
    assert (other.directory / "model").read_text() == "3"
    shutil.rmtree(other.directory)
    cache.output("new/int8", "another teacher", _write("4"))
    assert (other.directory / "model").read_text() == "4"
    assert [path.name for path in other.directory.parent.iterdir()] == ["int8"]


def test_an_interrupted_directory_leaves_the_older_one_and_its_checkpoints(tmp_path):
    directory, fingerprint = tmp_path / "student", hash_json("new")
    checkpoints = checkpoints_of(directory, fingerprint)
    older = cached_directory(directory, hash_json("old"), _write("old"))

    def interrupted(path: Path) -> None:
        _write("half")(path)
        checkpoints.mkdir(parents=True)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_directory(directory, fingerprint, interrupted)
    assert find_directory(directory, older.fingerprint) == older
    assert find_directory(directory, fingerprint) is None
    assert checkpoints.is_dir()
    cached_directory(directory, fingerprint, _write("new"))
    assert [path.name for path in tmp_path.iterdir()] == ["student"]
    assert (directory / "model").read_text() == "new"


@pytest.mark.parametrize(
    "name", ["seed-0/result.json", "seed-0/annotation.json", "seed-0/finetuning.json"]
)
def test_directories_of_older_versions_are_found(tmp_path, name):
    _write("old")(tmp_path / "seed-0")
    write_json(tmp_path / name, {"accuracy": 0.9, "fingerprint": "f"})
    found = find_directory(tmp_path / "seed-0", "f")
    assert found == StageOutput(tmp_path / "seed-0", "f", {"accuracy": 0.9})
    assert find_directory(tmp_path / "seed-0", "g") is None


def test_variants_and_values_of_older_versions_are_found(tmp_path):
    write_json(tmp_path / "stages.json", {})
    _write("old")(tmp_path / "4")
    write_json(tmp_path / "4.made.json", {"fingerprint": hash_json(["texts"])})
    write_json(tmp_path / "memory.json", {"fingerprint": hash_json([1]), "value": 7})
    cache = StageCache(tmp_path)
    assert (cache.output("4", ["texts"], _write("new")).directory / "model").read_text() == "old"
    assert cache.value("memory", [1], lambda: 8) == 7
    cache.output("4", ["other texts"], _write("new"))
    assert {path.name for path in tmp_path.iterdir()} == {"4", "memory.json", "stages.json"}


def test_what_a_newer_version_wrote_is_refused_by_name(tmp_path):
    _write("newer")(tmp_path / "annotated")
    write_json(tmp_path / "annotated" / RECORD, {"format": FORMAT + 1, "whatever": 1})
    with pytest.raises(ValueError, match=rf"annotated/{RECORD} has the format {FORMAT + 1}"):
        find_directory(tmp_path / "annotated", "f")
    assert read_json(tmp_path / "annotated" / RECORD)["whatever"] == 1


def test_only_outputs_of_stages_may_be_replaced(tmp_path):
    assert is_replaceable(tmp_path / "nowhere")
    for fold in ("fold-0", "fold-1"):
        cached_directory(tmp_path / fold, "f", _write("teacher"))
    (tmp_path / "checkpoints" / "f").mkdir(parents=True)
    (tmp_path / "checkpoints" / "f" / "state.json").touch()
    assert is_replaceable(tmp_path)
    (tmp_path / "notes").mkdir()
    assert is_replaceable(tmp_path)
    (tmp_path / "notes" / "thesis.txt").touch()
    assert not is_replaceable(tmp_path)
