# SPDX-License-Identifier: Apache-2.0
"""The log of what stages cost, and the run's directory that several processes share."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import load_from_disk

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.cli.main import main
from dixtill_hf.workflow import stages
from dixtill_hf.workflow.stages import StageLog


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(stages.time, "perf_counter", lambda: now[0])
    return now


def test_an_interrupted_stage_adds_up_and_a_finished_one_costs_no_more(tmp_path, clock):
    def interrupted():
        with StageLog(tmp_path).timed("annotate", "a"):
            clock[0] += 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    for seconds in (3, 5):  # the second finds the stage done
        with StageLog(tmp_path).timed("annotate", "a"):
            clock[0] += seconds
    assert _seconds(tmp_path, "annotate", "a") == {"annotate": 5.0}


def test_a_stage_with_other_inputs_starts_anew(tmp_path, clock):
    for fingerprint in ("a", "b"):
        with StageLog(tmp_path).timed("annotate", fingerprint):
            clock[0] += 4
    assert _seconds(tmp_path, "annotate", "b") == {"annotate": 4.0}


def test_stages_of_another_recipe_are_not_told(tmp_path, clock):
    with StageLog(tmp_path).timed("finetune", "a"):
        clock[0] += 4
    assert StageLog(tmp_path).seconds() == {}


def test_a_directory_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="not that of a run"):
        StageLog(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def _seconds(directory, stage: str, fingerprint: str) -> dict[str, float]:
    log = StageLog(directory)
    with log.timed(stage, fingerprint):
        return log.seconds()


def test_json_is_refused_what_is_no_number(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert (tmp_path / "x.json").read_text() == '{\n  "a": 1\n}\n'


class Second(ProcessGroup):
    """The second of two processes, whose main process has this to say."""

    def from_main(self, function):
        return '{"load": {"fingerprint": "a", "seconds": 3.0, "done": true}}'


def test_only_the_main_process_writes(tmp_path, clock):
    log = StageLog(tmp_path / "run", Second(rank=1, size=2))
    for stage in ("load", "annotate"):
        with log.timed(stage, "a"):
            clock[0] += 2
    assert log.seconds() == {"load": 3.0, "annotate": 2.0}
    assert list(tmp_path.iterdir()) == []


def test_every_process_is_told_that_the_directory_is_of_something_else(tmp_path, monkeypatch):
    monkeypatch.setattr(Second, "from_main", lambda self, function: "")
    with pytest.raises(ValueError, match="not that of a run"):
        StageLog(tmp_path, Second(rank=1, size=2))


def test_two_processes_annotate_into_one_directory(data_dir, tiny_teacher_dir, tmp_path, capfd):
    given = ["annotate", "--source", str(data_dir), "--teacher", str(tiny_teacher_dir("bert"))]
    given += ["--steps", "2", "--explainer_settings", "precision=float32", "--output_dir"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [*torchrun, "--nproc_per_node", "2", "-m", "dixtill_hf.cli.main", *given]
    root = str(Path(__file__).parents[2])
    settings = {"ACCELERATE_USE_CPU": "true", "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    together, alone = tmp_path / "together", tmp_path / "alone"
    subprocess.run([*command, str(together)], env=os.environ | settings, check=True, timeout=600)
    assert main([*given, str(alone)]) == 0
    assert capfd.readouterr().out.count("Annotated:") == 2  # once each
    log = json.loads((together / "stages.json").read_text())
    assert log["annotate"]["done"]
    names = {path.name for path in together.iterdir()}
    assert names == {path.name for path in alone.iterdir()} == {"annotated", "cache", "stages.json"}
    found, expected = (load_from_disk(str(path / "annotated")) for path in (together, alone))
    for split, rows in expected.items():
        assert found[split].to_dict() == rows.to_dict()
