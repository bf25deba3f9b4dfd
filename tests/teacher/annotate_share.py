# SPDX-License-Identifier: Apache-2.0
"""Annotates a dataset as one of the processes that torchrun launches.

Usage: annotate_share.py DIRECTORY, where the directory has `corpus` and its `teacher`.
"""

import json
import os
import sys
from pathlib import Path
from typing import ClassVar

import torch
from datasets import load_from_disk

from dixtill_hf.teacher import annotator
from dixtill_hf.teacher.annotation import annotate

RANK = os.environ["RANK"]


class CountingStore(annotator.ShardStore):
    """A store that remembers what this process put there."""

    written: ClassVar[list[tuple[int, int]]] = []

    def write(self, number, table):
        """Write a shard, its number and size remembered."""
        super().write(number, table)
        self.written.append((number, table.num_rows))


def run(directory: Path) -> None:
    """Annotate, and write what came out and what was computed to RANK.json."""
    annotator.TEXTS_PER_SHARD = 3
    annotator.ShardStore = CountingStore
    annotated = annotate(
        load_from_disk(str(directory / "corpus")),
        directory / "teacher",
        steps=2,
        cache_dir=directory / "cache",
    )
    result = {"written": CountingStore.written, "columns": annotated.to_dict()}
    (directory / f"{RANK}.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]))
    finally:
        torch.distributed.destroy_process_group()
