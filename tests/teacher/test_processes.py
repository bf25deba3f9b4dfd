# SPDX-License-Identifier: Apache-2.0
"""Two processes annotate as one does, each half of the texts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from datasets import Dataset

from dixtill_hf.data import columns
from dixtill_hf.teacher import annotator
from dixtill_hf.teacher.annotation import annotate
from dixtill_hf.teacher.loading import load_teacher
from dixtill_hf.teacher.processes import launched_processes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def directory(sentences, tiny_teacher_dir, tmp_path) -> Path:
    """A corpus of 11 texts, four shards of at most three, and a teacher."""
    Dataset.from_dict({"text": sentences[:11]}).save_to_disk(str(tmp_path / "corpus"))
    (tmp_path / "teacher").symlink_to(tiny_teacher_dir("bert"))
    return tmp_path


def test_each_shard_is_computed_once_and_all_get_all(directory):
    script = str(Path(__file__).with_name("annotate_share.py"))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    settings = {"ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*command, "--nproc_per_node", "2", script, str(directory)],
        env=os.environ | settings,
        check=True,
        timeout=300,
    )
    results = [json.loads((directory / f"{rank}.json").read_text()) for rank in (0, 1)]
    assert [result["written"] for result in results] == [[[0, 3], [2, 3]], [[1, 3], [3, 2]]]
    corpus = Dataset.load_from_disk(str(directory / "corpus"))
    alone = annotate(corpus, directory / "teacher", steps=2, cache_dir=directory / "alone")
    for result in results:
        assert result["columns"]["text"] == alone["text"][:]
        for name in (columns.TEACHER_LOGITS, columns.TEACHER_ATTRIBUTIONS):
            for ours, wanted in zip(result["columns"][name], alone[name], strict=True):
                np.testing.assert_allclose(ours, wanted, atol=1e-5)


def test_a_cache_that_is_not_shared_is_an_error(directory, monkeypatch):
    second = SimpleNamespace(process_index=1, num_processes=2, wait_for_everyone=lambda: None)
    monkeypatch.setattr(annotator, "launched_processes", lambda: second)
    monkeypatch.setattr(annotator, "TEXTS_PER_SHARD", 3)
    corpus = Dataset.load_from_disk(str(directory / "corpus"))
    with pytest.raises(OSError, match=r"Shard 0, .* on a disk that all processes share"):
        annotate(corpus, directory / "teacher", steps=2, cache_dir=directory / "cache")


def test_a_process_alone_joins_no_group(monkeypatch, tiny_teacher_dir):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert launched_processes() is None
    assert load_teacher(tiny_teacher_dir("bert")).device.type in ("cpu", "cuda")
