# SPDX-License-Identifier: Apache-2.0
"""A student's training is not lost when it is interrupted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.workflow import run as road
from dixtill_hf.workflow.recipe import OutputArguments
from dixtill_hf.workflow.student_stage import probabilities_on_test


@pytest.mark.slow
def test_an_interrupted_training_goes_on_from_its_last_epoch(recipe, tmp_path, monkeypatch):
    student = replace(recipe.student, methods=["dixtill"], seeds=1, epochs=3, batch_size=16)
    recipe = replace(recipe, student=student)
    (whole,) = road.complete_run(recipe, "whole").jobs
    cut = replace(recipe, output=OutputArguments(output_dir=str(tmp_path / "cut")))
    step, firsts = DistillationTrainer.training_step, []

    def stops_in_the_third_epoch(self, *given, **named):
        if self.state.epoch > 2:
            raise KeyboardInterrupt
        return step(self, *given, **named)

    def noted(self, *given, **named):
        firsts.append(self.state.epoch)
        return step(self, *given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(DistillationTrainer, "training_step", stops_in_the_third_epoch)
        with pytest.raises(KeyboardInterrupt):
            road.complete_run(cut, "cut")
    monkeypatch.setattr(DistillationTrainer, "training_step", noted)
    (resumed,) = road.complete_run(cut, "cut").jobs
    assert firsts[0] >= 2
    np.testing.assert_array_equal(probabilities_on_test(resumed), probabilities_on_test(whole))
    assert not list(Path(cut.output.output_dir).rglob("*checkpoint*"))
