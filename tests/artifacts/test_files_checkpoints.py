# SPDX-License-Identifier: Apache-2.0
"""An interrupted run goes on from what was saved to its end."""

import pytest
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from dixtill_hf.artifacts.files import newest_whole_checkpoint


def _save(directory, step, state):
    checkpoint = directory / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").touch()
    if state is not None:
        (checkpoint / "trainer_state.json").write_text(state)
    return checkpoint


def test_there_is_none_before_the_first(tmp_path):
    assert newest_whole_checkpoint(tmp_path / "nothing") is None


def test_steps_are_compared_as_numbers(tmp_path):
    for step in (9, 100, 20):
        _save(tmp_path, step, f'{{"global_step": {step}}}')
    assert newest_whole_checkpoint(tmp_path) == str(tmp_path / "checkpoint-100")


@pytest.mark.parametrize("state", [None, "", '{"global_step": 1'])
def test_a_broken_one_is_deleted_and_the_one_before_is_taken(tmp_path, state):
    whole = _save(tmp_path, 5, '{"global_step": 5}')
    broken = _save(tmp_path, 10, state)
    assert newest_whole_checkpoint(tmp_path) == str(whole)
    assert not broken.exists()


def test_the_names_are_those_of_transformers(tmp_path):
    (tmp_path / f"{PREFIX_CHECKPOINT_DIR}-3").mkdir()
    (tmp_path / f"{PREFIX_CHECKPOINT_DIR}-3" / TRAINER_STATE_NAME).write_text('{"global_step": 3}')
    assert newest_whole_checkpoint(tmp_path) == str(tmp_path / f"{PREFIX_CHECKPOINT_DIR}-3")
