# SPDX-License-Identifier: Apache-2.0
"""Score batches in several processes, in their order, with few of them in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

import pyarrow as pa

from dixtill_hf.scoring.arrow import added_columns, score_texts
from dixtill_hf.scoring.scorers import Scorer, ScorerSource

# Batches on their way, for each process: enough that none waits.
_BATCHES_AHEAD = 3

# The scorer of a worker process.
_scorers: list[Scorer] = []


class BatchScorer:
    """Scores the texts of batches.

    Args:
        source: The student.
        words: How many words that decided are named for each text.
        pool: The processes; None for this one.
        processes: How many there are.
    """

    def __init__(
        self,
        source: ScorerSource,
        words: int,
        pool: ProcessPoolExecutor | None = None,
        processes: int = 1,
    ) -> None:
        self._scorer = source.load()
        self._words = words
        self._pool = pool
        self._ahead = _BATCHES_AHEAD * processes

    @property
    def added(self) -> pa.Schema:
        """Names and types of the columns to add."""
        return added_columns(self._scorer, self._words)

    def score(
        self, batches: Iterable[pa.RecordBatch], column: str
    ) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        """Each batch, and the columns to add to it.

        Args:
            batches: Record batches.
            column: The column of the text.

        Raises:
            OSError: A process was killed.
        """
        if self._pool is None:
            for batch in batches:
                texts = _texts(batch, column).to_pylist()
                yield batch, score_texts(self._scorer, texts, self._words)
            return
        waiting: deque[tuple[pa.RecordBatch, Future[pa.RecordBatch]]] = deque()
        try:
            for batch in batches:
                texts = _texts(batch, column)
                waiting.append((batch, self._pool.submit(_score, texts, self._words)))
                if len(waiting) >= self._ahead:
                    first, scored = waiting.popleft()
                    yield first, scored.result()
            while waiting:
                first, scored = waiting.popleft()
                yield first, scored.result()
        except BrokenProcessPool as error:
            raise OSError(
                "A process that scored texts was killed, perhaps for want of memory: use fewer. "
                "What was finished is kept, and the same command goes on."
            ) from error


@contextmanager
def batch_scorer(source: ScorerSource, words: int, processes: int) -> Iterator[BatchScorer]:
    """A scorer on so many processes, which end with the block.

    Raises:
        ValueError: `processes` is less than 1.
    """
    if processes < 1:
        raise ValueError(f"processes must be at least 1, got {processes}.")
    if processes == 1:
        yield BatchScorer(source, words)
        return
    pool = ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_load, initargs=(source,)
    )
    try:
        yield BatchScorer(source, words, pool, processes)
    finally:
        pool.shutdown(cancel_futures=True)


def _texts(batch: pa.RecordBatch, column: str) -> pa.Array:
    return batch.column(batch.schema.names.index(column))


def _load(source: ScorerSource) -> None:
    _scorers.append(source.load())


def _score(texts: pa.Array, words: int) -> pa.RecordBatch:
    return score_texts(_scorers[0], texts.to_pylist(), words)
