# SPDX-License-Identifier: Apache-2.0
"""One preset, method, data set and seed give one student, whichever way it is made."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dixtill_hf import distill
from dixtill_hf.cli.main import main
from tests.headlines import write_headlines

ROOT = Path(__file__).parents[2]
# Of Integrated Gradients. The precision would be chosen by its speed, which a busy machine changes.
STEPS, PRECISION = 2, "float32"


@pytest.fixture
def data(tmp_path: Path, sentences: list[str], teacher_labels: list[str]) -> Path:
    """train.csv and test.csv of texts that all differ."""
    return write_headlines(tmp_path / "data", sentences, teacher_labels, train=40, test=12)


@pytest.mark.slow
def test_call_commands_and_script_make_the_same_student(
    data: Path, tmp_path: Path, tiny_teacher_dir: Callable[[str], Path], monkeypatch
) -> None:
    """Each with its own defaults: of vectors, variants, n-grams, vocabulary and batches."""
    from dixtill_hf.explainers.integrated_gradients import IntegratedGradients

    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    teacher = str(tiny_teacher_dir("bert"))
    source = ["--source", str(data), "--teacher", teacher, "--steps", str(STEPS)]
    source += ["--explainer_settings", f"precision={PRECISION}"]
    short = ["--num_train_epochs", "2", "--report_to", "none", "--use_cpu"]
    distill(
        data,
        teacher,
        "called",
        explainer=IntegratedGradients(steps=STEPS, precision=PRECISION),
        num_train_epochs=2,
        use_cpu=True,
    )
    comparison = ["--methods", "dixtill", "--seeds", "1", "--epochs", "2", "--workers", "1"]
    assert main(["run", *source, *comparison, "--output_dir", "run"]) == 0
    assert main(["train", "--annotated", "run/annotated", "--output_dir", "trained", *short]) == 0
    script = [str(ROOT / "examples" / "run_distillation.py"), *source, "--output_dir", "scripted"]
    # A home of its own: annotations that other tests have left there come from other batches, which
    # changes their last digits.
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *script, *short], env=environment, check=True)
    expected = load_file("called/model.safetensors")
    for made in ("run/student", "trained", "scripted"):
        found = load_file(f"{made}/model.safetensors")
        assert found.keys() == expected.keys()
        different = [name for name in found if not torch.equal(found[name], expected[name])]
        assert different == [], made
