# SPDX-License-Identifier: Apache-2.0
"""Two processes that accelerate launches make the student that one makes."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dixtill_hf.artifacts.process_group import by_itself, launched_rank

ROOT = Path(__file__).parents[2]


def documented(command: str) -> list[str]:
    """How the documentation launches a command on two CPU processes, with this interpreter."""
    page = (ROOT / "docs/guides/processes.md").read_text("utf-8")
    found = re.search(
        rf"^ACCELERATE_USE_CPU=true accelerate (launch --multi_gpu .* {command}) --source",
        page,
        re.M,
    )
    assert found, command
    launcher = "accelerate.commands.accelerate_cli"
    return [sys.executable, "-m", launcher, *shlex.split(found[1])]


def launch(command: list[str], *given: str) -> None:
    settings = {"ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *given], env=os.environ | settings, check=True, timeout=900)


def student_of(directory: Path) -> list[bytes]:
    names = ("model.safetensors", "config.json", "tokenizer.json")
    return [(directory / "student" / name).read_bytes() for name in names]


@pytest.mark.slow
def test_two_processes_make_the_same_student(data_dir, encoder, tmp_path):
    given = ["--source", str(data_dir), "--teacher", str(encoder), "--teacher_epochs", "1"]
    given += ["--methods", "dixtill", "--seeds", "1", "--word_vectors", "none", "--epochs", "1"]
    given += ["--hidden_size", "4", "--steps", "2", "--workers", "1", "--variants", "1"]
    given += ["--explainer_settings", "precision=float32"]
    together, alone = tmp_path / "together", tmp_path / "alone"
    launch(documented("run"), *given, "--output_dir", str(together))
    launch([sys.executable, "-m", "dixtill_hf.cli.main", "run"], *given, "--output_dir", str(alone))
    assert (together / "report.md").is_file()
    assert student_of(together) == student_of(alone)


@pytest.mark.slow
def test_two_processes_label_variants(data_dir, tiny_teacher_dir, tmp_path):
    from datasets import load_from_disk

    given = ["--source", str(data_dir), "--teacher", str(tiny_teacher_dir("bert")), "--steps", "2"]
    given += ["--variants", "2", "--explained_variants", "1"]
    given += ["--explainer_settings", "precision=float32"]
    together, alone = tmp_path / "together", tmp_path / "alone"
    launch(documented("annotate"), *given, "--output_dir", str(together))
    command = [sys.executable, "-m", "dixtill_hf.cli.main", "annotate"]
    launch(command, *given, "--output_dir", str(alone))
    found, expected = (
        load_from_disk(str(path / "variants" / "2-explained-1")) for path in (together, alone)
    )
    assert found.to_dict() == expected.to_dict()


def test_a_launched_process_is_by_itself_for_a_while(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert launched_rank() == 1
    with by_itself():
        assert launched_rank() is None
    assert launched_rank() == 1
