# SPDX-License-Identifier: Apache-2.0
"""What a student learns from as it flows: prepared a block at a time, resumed at the same text."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import IterableDataset
from datasets.distributed import split_dataset_by_node
from torch.utils.data import IterableDataset as TorchIterableDataset

from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.distillation.batching import BATCHES_SORTED_TOGETHER, bucketed_order
from dixtill_hf.distillation.dataset import LENGTH, TEXTS_AT_ONCE

_STATE = "stream-{}.json"
_FORMAT = 1
_BLOCKS_KEPT = 3
_ROWS_AT_ONCE = 512

# From a table of texts and the number of its first row to a table of a prepared dataset.
PrepareTable = Callable[[pa.Table, int], pa.Table]


def share_of_process(stream: IterableDataset, rank: int, processes: int) -> IterableDataset:
    """What one of several processes reads of a stream.

    Each reads shards (files) of its own if their number is a multiple of the number of processes;
    else each reads all and takes every so-manieth text. A stream that is split already stays.

    Args:
        stream: The stream.
        rank: Number of this process, from 0.
        processes: Number of processes.
    """
    if processes == 1 or is_split(stream):
        return stream
    return split_dataset_by_node(stream, rank, processes)


def is_split(stream: IterableDataset) -> bool:
    """Whether `split_dataset_by_node` has divided a stream among processes."""
    return stream._distributed is not None  # it tells no other way


@dataclass(frozen=True)
class _Block:
    """Where a block begins.

    Attributes:
        start: Texts that were given out before, in all passes.
        number: Of this pass, the blocks before it.
        epoch: The pass over the stream, from 0.
        rows: Of this pass, the rows of the stream that were read before it.
        state: The stream's own state there; None if it cannot go back there by itself.
    """

    start: int = 0
    number: int = 0
    epoch: int = 0
    rows: int = 0
    state: dict[str, Any] | None = None


class PreparedStream(TorchIterableDataset):
    """Prepared rows of a stream without end: when it ends, it begins again.

    It is read and prepared in blocks of 50 batches, so memory does not grow with the stream. With
    `bucket_by_length` the texts of a block are put in the order of `LengthBucketSampler`, drawn
    anew for every block and pass; without, they keep the order of the stream. A stream that was
    shuffled (`stream.shuffle`) is shuffled anew for each pass.

    Args:
        stream: The annotated stream, only the columns that are prepared.
        prepare: Prepares a table of its rows.
        batch_texts: Texts of one optimizer step in this process.
        bucket_by_length: Whether a batch has texts of similar length.
        seed: Seed of the order.
    """

    def __init__(
        self,
        stream: IterableDataset,
        prepare: PrepareTable,
        batch_texts: int,
        bucket_by_length: bool,
        seed: int,
    ) -> None:
        self._stream = stream.with_format("arrow")
        self._prepare = prepare
        self._batch_texts = batch_texts
        self._bucket_by_length = bucket_by_length
        self._seed = seed
        self._can_go_back = not _has_shuffle_buffer(stream)
        self._begin, self._skipped = _Block(), 0
        self._blocks: deque[_Block] = deque(maxlen=_BLOCKS_KEPT)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        block, skipped = self._begin, self._skipped
        while True:
            for table, following in self._pass_from(block):
                self._blocks.append(block)
                yield from self._rows(table, block, skipped)
                block, skipped = following, 0
            if block.rows == 0:
                raise ValueError("The stream has no rows: there is nothing to learn from.")
            block = _Block(start=block.start, epoch=block.epoch + 1)

    def _pass_from(self, block: _Block) -> Iterator[tuple[pa.Table, _Block]]:
        """The blocks of a pass from one of them on, each with where the next one begins."""
        size = self._batch_texts * BATCHES_SORTED_TOGETHER
        tables: list[pa.Table] = []
        for read, state in self._read_from(block):
            tables.append(self._prepare(read, block.rows + sum(map(len, tables))))
            if sum(map(len, tables)) >= size:
                following = self._after(block, tables, state)
                yield pa.concat_tables(tables), following
                block, tables = following, []
        if tables:
            yield pa.concat_tables(tables), self._after(block, tables, None)

    def _after(
        self, block: _Block, tables: list[pa.Table], state: dict[str, Any] | None
    ) -> _Block:
        rows = sum(map(len, tables))
        return _Block(block.start + rows, block.number + 1, block.epoch, block.rows + rows, state)

    def _read_from(self, block: _Block) -> Iterator[tuple[pa.Table, dict[str, Any] | None]]:
        """Tables of the stream's rows, each with the stream's state behind it."""
        self._stream.set_epoch(block.epoch)
        self._stream.load_state_dict(block.state or self._stream._init_state_dict())
        for table in self._stream.iter(TEXTS_AT_ONCE):
            yield table, self._stream.state_dict() if self._can_go_back else None
