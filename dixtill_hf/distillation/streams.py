# SPDX-License-Identifier: Apache-2.0
"""What a student learns from as it flows: prepared a block at a time, resumed at the same text."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import IterableDataset
from datasets.distributed import split_dataset_by_node
from torch.utils.data import IterableDataset as TorchIterableDataset

from dixtill_hf.artifacts.files import read_json, write_json
from dixtill_hf.artifacts.hashing import hash_texts
from dixtill_hf.data.columns import TEXT
from dixtill_hf.distillation.batching import BATCHES_SORTED_TOGETHER, bucketed_order
from dixtill_hf.distillation.prepared_columns import LENGTH

logger = logging.getLogger(__name__)

_FORMAT = 1
_BLOCKS_KNOWN = 3
# What datasets raises; it has no such class before 5.0.
_NO_ORDERS = "DataSourcesShufflingDisallowed"
_ROWS_AT_ONCE = 512

# From a table of texts and the number of its first row to a table of a prepared dataset.
PrepareTable = Callable[[pa.Table, int], pa.Table]


def share_of_process(stream: IterableDataset, rank: int, processes: int) -> IterableDataset:
    """What one of several processes reads of a stream.

    Each reads shards (files) of its own if their number is a multiple of the number of processes.
    Else each goes through all rows and takes one in so many. A stream that was split before is left
    as it is.

    Args:
        stream: The stream.
        rank: Number of this process, from 0.
        processes: Number of processes.
    """
    if processes == 1 or is_split(stream):
        return stream
    return split_dataset_by_node(stream, rank, processes)


def check_divisible(stream: IterableDataset, processes: int) -> None:
    """Refuse a stream that a teacher would label in full in each of several processes.

    Raises:
        ValueError: It is not split, and its shards cannot be given to the processes evenly.
    """
    if not is_split(stream) and stream.num_shards % processes:
        raise ValueError(
            f"The stream has {stream.num_shards} shards (files) for {processes} processes, so each "
            "process would label all texts. Let the number of files be a multiple of the number of "
            "processes; stream.reshard() divides Parquet files by their row groups."
        )


def is_split(stream: IterableDataset) -> bool:
    """Whether `split_dataset_by_node` has divided a stream among processes."""
    return stream._distributed is not None  # it tells no other way


@dataclass(frozen=True)
class _Block:
    """Where a block begins.

    Attributes:
        start: Texts that were given out before it, in all passes.
        epoch: The pass over the stream, from 0.
        rows: Rows of the stream that this pass has read before it.
        state: The stream's own state at its beginning; None at the beginning of a pass.
        texts: Hash of its texts; None as long as it was not read.
    """

    start: int = 0
    epoch: int = 0
    rows: int = 0
    state: dict[str, Any] | None = None
    texts: str | None = None


class PreparedStream(TorchIterableDataset):
    """Prepared rows of a stream without end: when the stream ends, it begins again.

    It is read and prepared in blocks of 50 optimizer steps, so memory does not grow with the
    stream. With `bucket_by_length` the texts of a block are put in the order of
    `LengthBucketSampler`, drawn anew for every block and pass. Else they keep the stream's order.

    Args:
        stream: The stream; only the columns that are prepared.
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
        self._stream = stream.with_format(None)
        self._schema = stream.features.arrow_schema
        self._prepare = prepare
        self._batch_texts = batch_texts
        self._bucket_by_length = bucket_by_length
        self._seed = seed
        self._known: dict[int, _Block] = {}
        self.rewind()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The rows from the beginning, or from where `load` has put it."""
        block, skipped = self._begin, self._skipped
        while True:
            for current, prepared, following in self._pass_from(block):
                self._remember(current)
                yield from self._rows(current, prepared, skipped)
                block, skipped = following, 0
            if not block.rows:
                raise ValueError("The stream has no rows, so there is nothing to learn from.")
            block = _Block(start=block.start, epoch=block.epoch + 1)

    def rewind(self) -> None:
        """Begin anew with the first text."""
        self._begin, self._skipped = _Block(), 0

    def save(self, path: Path, texts: int, processes: int) -> None:
        """Write down where this process goes on after so many texts.

        Args:
            path: The file.
            texts: Texts of the last blocks that were used, counted over all passes.
            processes: Number of processes that share the stream.
        """
        block = self._known[max(start for start in self._known if start < texts)]
        state = {"format": _FORMAT, "processes": processes, "texts": texts, "block": asdict(block)}
        write_json(path, state)

    def load(self, path: Path, processes: int) -> None:
        """Go on where `save` has been.

        Raises:
            ValueError: Nothing was saved, by another number of processes, or in a newer format.
        """
        state = read_json(path)
        if state is None:
            raise ValueError(
                f"{path} is not there: the checkpoint was saved by fewer processes, or by a "
                "training that was not on a stream. Resume with what it was saved with."
            )
        if state["format"] > _FORMAT:
            raise ValueError(
                f"{path} has format {state['format']}, and this release of dixtill_hf reads "
                f"formats up to {_FORMAT}: upgrade it (pip install -U dixtill_hf)."
            )
        if state["processes"] != processes:
            raise ValueError(
                f"The checkpoint was saved by {state['processes']} processes, and this training "
                f"has {processes}: resume with as many."
            )
        self._begin = _Block(**state["block"])
        self._skipped = state["texts"] - self._begin.start

    def _pass_from(self, begin: _Block) -> Iterator[tuple[_Block, pa.Table, _Block]]:
        """The blocks of a pass from one of them on, prepared, and where the next one begins."""
        block = begin
        for table, state in self._tables_from(begin):
            prepared = self._prepare(table, block.rows)
            block = replace(block, texts=_hash(table))
            rows = len(table)
            following = _Block(block.start + rows, block.epoch, block.rows + rows, state)
            yield block, prepared, following
            block = following

    def _tables_from(self, begin: _Block) -> Iterator[tuple[pa.Table, dict[str, Any]]]:
        """The tables of a pass from one of them on, each with the stream's state behind it."""
        if begin.state is not None:
            tables = self._read(begin.epoch, begin.state)
            try:
                first = next(tables, None)
            except (IndexError, KeyError, TypeError):
                first = None  # it is the state of another kind of stream
            if first is not None and _hash(first[0]) == begin.texts:
                yield first
                yield from tables
                return
            logger.warning(
                "The stream does not go back to row %d by itself, as after a shuffle with a "
                "buffer: its rows are read again up to there.",
                begin.rows,
            )
        rows, same = 0, begin.texts is None
        for table, state in self._read(begin.epoch, None):
            if rows == begin.rows:
                same = same or _hash(table) == begin.texts
            if rows >= begin.rows and same:
                yield table, state
            rows += len(table)
        if not same:
            raise ValueError(
                f"Row {begin.rows} of the stream and those behind it are not what they were when "
                "the checkpoint was saved: give the same data in the same order, or begin anew."
            )

    def _read(
        self, epoch: int, state: dict[str, Any] | None
    ) -> Iterator[tuple[pa.Table, dict[str, Any]]]:
        self._stream.set_epoch(epoch if epoch and self._has_orders else 0)
        self._stream.load_state_dict(state)
        # Rows, not tables: with tables, datasets may skip some when it goes on.
        for batch in self._stream.iter(self._batch_texts * BATCHES_SORTED_TOGETHER):
            yield pa.Table.from_pydict(batch, self._schema), self._stream.state_dict()

    @cached_property
    def _has_orders(self) -> bool:
        """Whether passes may differ in their order; those of `skip` and `take` may not."""
        self._stream.set_epoch(1)
        self._stream.load_state_dict(None)
        try:
            next(self._stream.iter(1), None)
        except Exception as error:
            if type(error).__name__ != _NO_ORDERS:
                raise
            return False
        return True

    def _remember(self, block: _Block) -> None:
        self._known[block.start] = block
        for start in sorted(self._known)[:-_BLOCKS_KNOWN]:
            del self._known[start]

    def _rows(self, block: _Block, prepared: pa.Table, skipped: int) -> Iterator[dict[str, Any]]:
        """The rows of a block in the order of training, without the first ones."""
        order = np.arange(len(prepared))
        if self._bucket_by_length:
            rng = np.random.default_rng((self._seed, block.epoch, block.rows))
            order = bucketed_order(prepared[LENGTH].to_numpy(), self._batch_texts, rng)
        for start in range(skipped, len(order), _ROWS_AT_ONCE):
            part = order[start : start + _ROWS_AT_ONCE]
            yield from prepared.take(pa.array(part)).to_pylist()


def _hash(table: pa.Table) -> str:
    return hash_texts(map(str, table[TEXT].to_pylist()))
