# SPDX-License-Identifier: Apache-2.0
"""Studies that take seconds: a tiny teacher and a few dozen texts."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

# The tiny teachers and texts of the package's tests; importing them keeps all tests off the Hub.
from tests.benchmarks.conftest import experiment_options
from tests.conftest import sentences, teacher_labels, tiny_teacher_dir

__all__ = ["experiment_options", "sentences", "teacher_labels", "tiny_teacher_dir"]


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
