# SPDX-License-Identifier: Apache-2.0
"""Measurements that take seconds: a tiny teacher and a few dozen texts."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def trial_options(
    tmp_path: Path,
    tiny_teacher_dir: Callable[[str], Path],
    sentences: list[str],
    teacher_labels: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """What the scripts of the trials are given; they find each other, as when they are run."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    rows = [f'"{sentences[i % 12]} text {i}",{teacher_labels[i % 3]}' for i in range(90)]
    source = tmp_path / "train.csv"
    source.write_text("\n".join(["text,label", *rows]) + "\n")
    options = {
        "source": source,
        "teacher": tiny_teacher_dir("bert"),
        "texts": 24,
        "held_out": 18,
        "measured": 6,
        "seeds": 2,
        "epochs": 1,
        "word_vectors": "none",
        "results_dir": tmp_path / "results",
        "cache_dir": tmp_path / "cache",
    }
    return [f"--{name}={value}" for name, value in options.items()]


@pytest.fixture
def recipe(
    tmp_path: Path,
    tiny_teacher_dir: Callable[[str], Path],
    sentences: list[str],
    teacher_labels: list[str],
) -> Path:
    """The file of a recipe of 42 texts to learn from, and 18 to score on."""
    rows = [f'"{sentences[i % 12]} text {i}",{teacher_labels[i % 3]}' for i in range(60)]
    for name, part in (("train", rows[:42]), ("test", rows[42:])):
        (tmp_path / f"{name}.csv").write_text("\n".join(["text,label", *part]) + "\n")
    settings = {
        "source": str(tmp_path / "train.csv"),
        "test_source": str(tmp_path / "test.csv"),
        "validation_fraction": 0.2,
        "teacher": str(tiny_teacher_dir("bert")),
        "steps": 2,
        "word_vectors": "none",
        "output_dir": str(tmp_path / "run"),
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path
