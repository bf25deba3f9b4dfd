# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the annotation tests: a cheap way to annotate, in small shards, and what it did."""

from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from dixtill_hf.annotation import planning
from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.worker import Worker
from dixtill_hf.teacher.loading import Teacher, load_teacher


@pytest.fixture
def dataset(sentences, teacher_labels) -> Dataset:
    features = Features({"text": Value("string"), "label": ClassLabel(names=teacher_labels)})
    labels = [index % 3 for index in range(len(sentences))]
    return Dataset.from_dict({"text": sentences, "label": labels}, features=features)


@pytest.fixture
def teacher_dir(tiny_teacher_dir):
    return tiny_teacher_dir("bert")


@pytest.fixture
def teacher(tiny_teacher_dir) -> Teacher:
    return load_teacher(tiny_teacher_dir("bert"), device="cpu")


@pytest.fixture
def small_shards(monkeypatch) -> None:
    """Shards of three texts, two of them to a window."""
    monkeypatch.setattr(planning, "CPU_SHARD", planning.ShardSize(3, 1e15))
    monkeypatch.setattr(planning, "SHARDS_PER_WINDOW", 2)


@pytest.fixture
def cheaply(teacher, tmp_path) -> Callable[..., Dataset]:
    """`annotate` with a tiny teacher, an explainer of few passes, and a cache of the test's own."""

    def run(dataset, explainer="integrated_gradients", **settings):
        if explainer == "integrated_gradients":
            settings = {"steps": 2, "precision": "float32", **settings}
        given = {"teacher": teacher, "cache_dir": tmp_path / "cache", **settings}
        return annotate(dataset, explainer=explainer, **given)

    return run


@pytest.fixture
def computed(monkeypatch) -> list[str]:
    """The texts that were really annotated, in the order in which they were."""
    texts: list[str] = []
    work = Worker.annotate

    def counted(self, batch, rows):
        texts.extend(batch["text"])
        return work(self, batch, rows)

    monkeypatch.setattr(Worker, "annotate", counted)
    return texts


@pytest.fixture
def shards(tmp_path) -> Callable[[], list[Path]]:
    """A function that lists the shards in the cache of `cheaply`."""
    return lambda: sorted((tmp_path / "cache").glob("*/shards/*.parquet"))
