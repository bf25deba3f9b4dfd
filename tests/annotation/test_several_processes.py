# SPDX-License-Identifier: Apache-2.0
"""Several processes annotate as one does, each a part of the work."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from dixtill_hf.annotation import planning
from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.annotator import Annotator
from dixtill_hf.annotation.worker import Worker
from dixtill_hf.artifacts.process_group import ProcessGroup, launched_processes
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.loading import load_teacher

ROOT = Path(__file__).parents[3]
SETTINGS = {"steps": 2, "precision": "float32"}


@pytest.fixture
def directory(sentences, tiny_teacher_dir, tmp_path) -> Path:
    """A corpus of 47 texts, and a teacher."""
    texts = [f"{sentence} {copy}" for copy in range(4) for sentence in sentences][1:]
    Dataset.from_dict({"text": texts}).save_to_disk(str(tmp_path / "corpus"))
    (tmp_path / "teacher").symlink_to(tiny_teacher_dir("bert"))
    return tmp_path


@pytest.fixture
def alike(monkeypatch) -> None:
    """The same shards here as in the processes."""
    monkeypatch.setattr(planning, "CPU_SHARD", planning.ShardSize(3, 1e15))
    monkeypatch.setattr(planning, "SHARDS_PER_WINDOW", 4)


def _launch(processes, directory, *arguments):
    script = str(Path(__file__).with_name("annotate_together.py"))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    settings = {"ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, "--nproc_per_node", str(processes), script, str(directory), *arguments],
        env=os.environ | settings,
        timeout=600,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "arguments"), [(2, ["die"]), (4, [])])
def test_processes_share_the_work_and_all_get_all(directory, alike, computed, processes, arguments):
    done = _launch(processes, directory, *arguments)
    results = [json.loads((directory / f"{rank}.json").read_text()) for rank in range(processes)]
    corpus = Dataset.load_from_disk(str(directory / "corpus"))
    _check_shares(corpus, results)
    # What comes out is what one process makes, to the last bit.
    for name, rows in {"train": range(23), "test": range(20, 46)}.items():
        alone = _alone(corpus.select(rows), directory, "alone")
        for result in results:
            assert result["columns"][name] == alone.to_dict()
    # And they see when they were given different things to do.
    for result in results:
        assert "The processes were given different datasets" in result["mistaken"]
    if "die" in arguments:
        assert done.returncode != 0
        _check_what_is_left(corpus, directory, computed)


def _alone(corpus, directory, cache):
    return annotate(corpus, directory / "teacher", cache_dir=directory / cache, **SETTINGS)


def _check_shares(corpus, results):
    """Shares are even, and no text is computed, and no shard opened, by two processes."""
    texts = [text for result in results for shard in result["computed"] for text in shard]
    assert sorted(texts) == sorted(corpus["text"][:46])
    sizes = [sum(len(text) for shard in r["computed"] for text in shard) for r in results]
    assert max(sizes) < 1.5 * min(sizes)
    assert all(result["computed_again"] == [] for result in results)
    read = [name for result in results for name in result["read"]]
    assert len(read) == len(set(read))


def _check_what_is_left(corpus, directory, computed):
    """What the processes had done when one of them died is not computed again."""
    kept = list((directory / "dying").glob("*/shards/*.parquet"))
    assert kept
    computed.clear()
    resumed = _alone(corpus, directory, "dying")
    assert len(computed) == 47 - sum(pq.read_metadata(path).num_rows for path in kept)
    assert resumed.to_dict() == _alone(corpus, directory, "uninterrupted").to_dict()


def test_a_cache_that_is_not_shared_is_an_error_before_any_work(teacher, tmp_path, computed):
    explainer = IntegratedGradients(**SETTINGS)
    annotator = Annotator(Worker(teacher, explainer, TokenBudget(64)), "teacher", tmp_path)

    class Second(ProcessGroup):
        """The second of two processes, whose main process has its own disk."""

        def from_main(self, function):
            return "settings-of-main.json"

    with pytest.raises(OSError, match=r"settings-of-main.json.* disk that all processes share"):
        annotator.open(Second(rank=1, size=2))


def test_a_process_alone_joins_no_group(monkeypatch, tiny_teacher_dir):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert launched_processes() is None
    assert ProcessGroup.launched() == ProcessGroup()
    assert load_teacher(tiny_teacher_dir("bert")).device.type in ("cpu", "cuda")
