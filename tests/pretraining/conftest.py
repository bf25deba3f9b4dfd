# SPDX-License-Identifier: Apache-2.0
"""A corpus of general sentences that any machine can make, and a small student pretrained on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from dixtill_hf.pretraining.pretrain import PretrainingSettings, pretrain_student

SMALL = PretrainingSettings(hidden_size=6, embedding_size=5, word_vectors="none", epochs=2)


@pytest.fixture(scope="session")
def corpus() -> list[str]:
    """300 sentences of three to nine words."""
    random = Random(0)
    words = ["board", "shares", "fell", "rose", "outlook", "weak", "strong", "and", "a", "the"]
    return [" ".join(random.choices(words, k=random.randint(3, 9))) for _ in range(300)]


@pytest.fixture(scope="session")
def encoder_dir(tiny_teacher_dir: Callable[[str], Path]) -> Path:
    """A tiny transformer."""
    return tiny_teacher_dir("bert")


@pytest.fixture(scope="session")
def pretrained_dir(
    corpus: list[str], encoder_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A student that was pretrained."""
    directory = tmp_path_factory.mktemp("pretrained") / "student"
    return pretrain_student(corpus, encoder_dir, directory, SMALL)
