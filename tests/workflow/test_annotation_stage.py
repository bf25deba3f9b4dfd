# SPDX-License-Identifier: Apache-2.0
"""The annotation of a run: once, whichever version made it, and by several processes together."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import load_from_disk

from dixtill_hf.artifacts.stage_cache import RECORD
from dixtill_hf.cli.main import main
from dixtill_hf.workflow import annotation_stage
from dixtill_hf.workflow.annotation_stage import Annotation, annotate_data
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import load_run_data
from dixtill_hf.workflow.recipe import Recipe
from dixtill_hf.workflow.teacher_stage import prepare_teacher


def _annotated(recipe: Recipe) -> Annotation:
    context = RunContext.open(recipe)
    data = load_run_data(context)
    return annotate_data(context, data, prepare_teacher(context, data))


def test_an_annotation_is_found_again_and_replaced_when_settings_change(recipe):
    first, again = _annotated(recipe), _annotated(recipe)
    recipe.annotation.steps = 3
    changed = _annotated(recipe)
    assert first.fingerprint == again.fingerprint != changed.fingerprint
    assert set(changed.splits["test"]["teacher_evaluations"]) == {4}


def test_the_annotation_of_an_older_version_is_found(recipe, monkeypatch):
    made = _annotated(recipe)
    (made.directory / RECORD).unlink()
    record = {"fingerprint": made.fingerprint, "explainer": {}}
    (made.directory / "annotation.json").write_text(json.dumps(record))
    monkeypatch.setattr(annotation_stage, "annotate", None)
    found = _annotated(recipe)
    assert found.splits["test"].to_dict() == made.splits["test"].to_dict()


@pytest.mark.slow
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
