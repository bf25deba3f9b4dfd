# SPDX-License-Identifier: Apache-2.0
"""Measurements that take seconds: a tiny teacher and a few dozen texts."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def experiment_options(
    tmp_path: Path,
    tiny_teacher_dir: Callable[[str], Path],
    sentences: list[str],
    teacher_labels: list[str],
) -> list[str]:
    """What the scripts that train students of explainers are given."""
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
