# SPDX-License-Identifier: Apache-2.0
"""The log of what stages cost."""

import pytest

from dixtill_hf.workflow import stages
from dixtill_hf.workflow.stages import StageLog, write_json


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
