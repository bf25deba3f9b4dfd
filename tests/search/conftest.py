# SPDX-License-Identifier: Apache-2.0
"""A recipe whose students take a second to train, and clocks that always say the same."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dixtill_hf.search import measuring
from dixtill_hf.search.search import recipe_of
from dixtill_hf.workflow.recipe import Recipe
from tests.headlines import write_headlines


@pytest.fixture
def recipe(
    tmp_path: Path,
    sentences: list[str],
    teacher_labels: list[str],
    tiny_teacher_dir: Callable[[str], Path],
) -> Recipe:
    """Headlines, a tiny teacher, one epoch, random word vectors."""
    return recipe_of(
        {
            "source": str(write_headlines(tmp_path / "data", sentences, teacher_labels)),
            "teacher": str(tiny_teacher_dir("bert")),
            "steps": 2,
            "word_vectors": "none",
            "epochs": 1,
            "variants": 0,
            "output_dir": str(tmp_path / "found"),
        }
    )


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every classifier takes as many milliseconds as its name has letters, and there is no RAPL."""

    def measured(classifiers, texts, settings, threads):
        return [
            {"tokenization": with_words, "p50_ms": float(len(one.name))}
            for one in classifiers
            for with_words in (True, False)
        ]

    monkeypatch.setattr(measuring, "measure_latency", measured)
    monkeypatch.setattr(measuring, "find_energy_meter", lambda: None)
