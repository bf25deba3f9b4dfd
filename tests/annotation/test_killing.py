# SPDX-License-Identifier: Apache-2.0
"""Killed at any moment, an annotation goes on to the very same result."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from dixtill_hf.artifacts.checksummed_files import is_whole

SEEDS = 12


@pytest.fixture(scope="module")
def killed(sentences, tiny_teacher_dir, tmp_path_factory) -> tuple[Path, dict[str, int]]:
    """The folder with the caches of all annotations, and how often each was killed."""
    directory = tmp_path_factory.mktemp("killed")
    texts = [f"{sentence} {copy}" for copy in range(6) for sentence in sentences]
    Dataset.from_dict({"text": texts}).save_to_disk(str(directory / "corpus"))
    (directory / "teacher").symlink_to(tiny_teacher_dir("bert"))
    script = str(Path(__file__).with_name("annotate_and_kill.py"))
    done = subprocess.run(
        [sys.executable, script, str(directory), str(SEEDS)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.PIPE,
        timeout=600,
    )
    return directory, json.loads(done.stdout.splitlines()[-1])


def _assembled(cache):
    (path,) = cache.glob("*/assembled/*.arrow")
    return path


@pytest.mark.slow
def test_every_killed_annotation_ends_in_the_same_bits(killed):
    directory, kills = killed
    whole = _assembled(directory / "whole")
    assert len(kills) == SEEDS + 1
    assert sum(kills.values()) > SEEDS
    for cache in kills:
        assembled = _assembled(directory / cache)
        assert assembled.read_bytes() == whole.read_bytes()
        assert assembled.name == whole.name


@pytest.mark.slow
def test_no_text_is_annotated_twice_and_no_shard_is_half_done(killed):
    directory, kills = killed
    wanted = {path.name for path in (directory / "whole").glob("*/shards/*")}
    for cache in kills:
        shards = list((directory / cache).glob("*/shards/*.parquet"))
        assert {path.name for path in shards} == wanted
        assert all(is_whole(path) for path in shards)
        keys = [key for path in shards for key in pq.read_table(path)["key"].to_pylist()]
        assert len(keys) == len(set(keys)) == 72


def test_the_assembly_was_cut_in_its_midst(killed):
    directory, kills = killed
    assert kills["assembly"] == 1
    # What it had written is left under a temporary name.
    assert list((directory / "assembly").glob("*/assembled/*.tmp"))
