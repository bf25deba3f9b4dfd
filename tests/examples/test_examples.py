# SPDX-License-Identifier: Apache-2.0
"""The examples run as they are shown."""

import json
import os
import shutil
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


@pytest.mark.slow
def test_the_script_distils_and_scores(tiny_teacher_dir, tmp_path, sentences):
    """As for the tweets of the README: splits, columns and labels are named, the teacher's too."""
    ours = ["Bearish", "Bullish", "Neutral"]
    (tmp_path / "tweets").mkdir()
    for split, count in (("train", 40), ("validation", 12)):
        rows = [{"tweet": f"{sentences[i % 12]} {split} {i}", "mood": i % 3} for i in range(count)]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / "tweets" / f"{split}.jsonl").write_text(lines)
    given = ["--source", "tweets", "--splits", "test=validation", "--steps", "2"]
    given += ["--text_column", "tweet", "--label_column", "mood", "--label_names", *ours]
    given += ["--teacher", _with_labels(tiny_teacher_dir("bert"), tmp_path / "teacher")]
    given += ["--label_map", "sad=Bearish", "glad=Bullish", "calm=Neutral"]
    args = ["--output_dir", "out", "--num_train_epochs", "1", "--report_to", "none"]
    args += ["--preset", "paper", "--method", "kl"]
    _run(str(ROOT / "examples" / "run_distillation.py"), *given, *args, cwd=tmp_path)
    scores = json.loads((tmp_path / "out" / "test_results.json").read_text())
    assert {"test_accuracy", "test_macro_f1", "test_explanation_cosine"} <= set(scores)
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert not (tmp_path / "out" / "training_args.bin").exists()
    student = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (student["hidden_dropout"], student["explanation"]) == (0.0, "contributions")
    assert list(student["id2label"].values()) == ours
    trained = json.loads((tmp_path / "out" / "training_args.json").read_text())
    assert (trained["optim"], trained["kd_loss"], trained["num_train_epochs"]) == ("sgd", "kl", 1)


def _with_labels(teacher: Path, directory: Path) -> str:
    """A copy of a teacher whose labels have other names than the data's."""
    shutil.copytree(teacher, directory)
    config = json.loads((directory / "config.json").read_text())
    config["id2label"] = {"0": "sad", "1": "glad", "2": "calm"}
    config["label2id"] = {"sad": 0, "glad": 1, "calm": 2}
    (directory / "config.json").write_text(json.dumps(config))
    return str(directory)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_names_only_fields_that_exist(recipe):
    assert set(yaml.safe_load(recipe.read_text())) <= set(Recipe().to_dict())
