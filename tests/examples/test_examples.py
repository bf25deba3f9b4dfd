# SPDX-License-Identifier: Apache-2.0
"""The examples run as they are shown."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dixtill_hf.workflow.recipe import Recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "examples" / "recipes").glob("*.yaml"))


def _run(*argv: str, cwd: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HOME": str(cwd / "hf")}
    done = subprocess.run(
        [sys.executable, *argv],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_distils_and_scores(tiny_teacher_dir, tmp_path, sentences, teacher_labels):
    for split, count in (("train", 40), ("test", 12)):
        rows = [
            {"text": f"{sentences[i % 12]} {split} {i}", "label": teacher_labels[i % 3]}
            for i in range(count)
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{split}.jsonl").write_text(lines)
    given = ["--source", "train.jsonl", "--test_source", "test.jsonl", "--steps", "2"]
    args = ["--output_dir", "out", "--num_train_epochs", "1", "--report_to", "none"]
    script, teacher = str(ROOT / "examples" / "run_distillation.py"), str(tiny_teacher_dir("bert"))
    _run(script, "--teacher", teacher, *given, *args, cwd=tmp_path)
    scores = json.loads((tmp_path / "out" / "test_results.json").read_text())
    assert {"test_accuracy", "test_macro_f1", "test_explanation_cosine"} <= set(scores)
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_the_walk_through_reaches_its_end(tiny_teacher_dir, tmp_path):
    printed = _run(
        str(ROOT / "examples" / "walkthrough.py"), str(tiny_teacher_dir("bert")), cwd=tmp_path
    )
    assert "completeness error" in printed
    assert (tmp_path / "runs" / "walkthrough" / "student" / "config.json").is_file()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_names_only_fields_that_exist(recipe):
    assert set(yaml.safe_load(recipe.read_text())) <= set(Recipe().to_dict())
