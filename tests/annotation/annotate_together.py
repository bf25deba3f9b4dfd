# SPDX-License-Identifier: Apache-2.0
"""Annotates a dataset as one of the processes that torchrun launches.

Usage: annotate_together.py DIRECTORY [die], where the directory has `corpus` and its `teacher`.
Writes what came out and what was computed here to RANK.json. With `die`, it then annotates once
more, and the last process ends as if it were killed, after its first shard.
"""

import json
import os
import sys
from pathlib import Path

import torch
from datasets import Dataset, DatasetDict, load_from_disk

from dixtill_hf.annotation import planning
from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.shards import ShardStore
from dixtill_hf.annotation.worker import Worker

RANK, SIZE = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
SETTINGS = {"steps": 2, "precision": "float32"}

planning.CPU_SHARD = planning.ShardSize(3, 1e15)
planning.SHARDS_PER_WINDOW = 4


def note_work(computed: list[list[str]]) -> None:
    """Have the texts of each shard that this process computes put down."""
    work = Worker.annotate

    def noted(self, batch, rows):
        computed.append(batch["text"])
        return work(self, batch, rows)

    Worker.annotate = noted


def note_reading(read: list[str]) -> None:
    """Have the shards that this process opens to know their keys put down."""
    check = ShardStore._checked_keys

    def noted(self, name):
        read.append(name)
        return check(self, name)

    ShardStore._checked_keys = noted


def die_after_the_first_shard() -> None:
    """Let this process end at once when it has written a shard."""
    write = ShardStore.write

    def fatal(self, keys, table):
        write(self, keys, table)
        os._exit(1)

    ShardStore.write = fatal


def mistaken(directory: Path, corpus: Dataset) -> str:
    """What a process is told that has the texts in another order than the others."""
    other = corpus.select(range(len(corpus) - 1, -1, -1)) if RANK else corpus
    try:
        annotate(other, directory / "teacher", cache_dir=directory / "wrong", **SETTINGS)
    except ValueError as error:
        return str(error)
    return ""


def run(directory: Path) -> None:
    """Annotate two splits, the second one a second time, and write what came out."""
    corpus = load_from_disk(str(directory / "corpus"))
    computed, read = [], []
    note_work(computed)
    note_reading(read)
    half = len(corpus) // 2
    data = DatasetDict(
        train=corpus.select(range(half)), test=corpus.select(range(half - 3, 2 * half))
    )
    annotated = annotate(data, directory / "teacher", cache_dir=directory / "cache", **SETTINGS)
    once = list(computed)
    shuffled = data["test"].shuffle(seed=0)
    annotate(shuffled, directory / "teacher", cache_dir=directory / "cache", **SETTINGS)
    result = {
        "computed": once,
        "computed_again": computed[len(once) :],
        "read": read,
        "columns": {name: split.to_dict() for name, split in annotated.items()},
        "mistaken": mistaken(directory, corpus),
    }
    (directory / f"{RANK}.json").write_text(json.dumps(result), encoding="utf-8")


def die(directory: Path) -> None:
    """Annotate while the last process dies."""
    if RANK == SIZE - 1:
        die_after_the_first_shard()
    corpus = load_from_disk(str(directory / "corpus"))
    annotate(corpus, directory / "teacher", cache_dir=directory / "dying", **SETTINGS)


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]))
        if "die" in sys.argv:
            die(Path(sys.argv[1]))
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
