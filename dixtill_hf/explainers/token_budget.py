# SPDX-License-Identifier: Apache-2.0
"""How many tokens a teacher reads at once: a budget that shrinks when memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import torch

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

# Rows are alike where the shortest has at least this share of the tokens of the longest.
_ALIKE = 0.75


class TokenBudget:
    """The most tokens, padding included, that one pass of the teacher may hold.

    Attributes:
        tokens: Halved for good whenever they do not fit into memory.
    """

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def rows(self, length: int) -> int:
        """Rows of `length` tokens that fit into one pass; at least one."""
        return max(1, self.tokens // max(1, length))

    def run(
        self,
        lengths: Sequence[int],
        work: Callable[[list[int]], None],
        costs: Sequence[int] | None = None,
    ) -> None:
        """Do work on rows in batches of similar length, longest first.

        A batch holds as many rows as fit, or half as many where the lengths of all differ much.

        Args:
            lengths: Tokens of every row.
            work: Takes the positions of a batch's rows. Where it runs out of memory it is given
                fewer of them, so it must keep nothing of a batch that it did not finish.
            costs: Tokens that every row counts for, where those are not its own: more for work
                that holds more than one pass does. A longer row must not cost less.

        Raises:
            torch.cuda.OutOfMemoryError: One row does not fit even by itself.
        """
        costs = lengths if costs is None else costs
        order = sorted(range(len(lengths)), key=lambda row: (-costs[row], row))
        start = 0
        while start < len(order):
            first = order[start]
            most = self.rows(costs[first])
            rows = _alike(order[start : start + most], lengths, -(-most // 2))
            if self._fits(costs[first], lengths[first], partial(work, rows)):
                start += len(rows)

    def collect(
        self,
        lengths: Sequence[int],
        work: Callable[[list[int]], Iterable[_Result]],
        costs: Sequence[int] | None = None,
    ) -> list[_Result]:
        """Results of work on rows, in their order; `work` gives one for each row of a batch.

        See `run` for the arguments.
        """
        results: dict[int, _Result] = {}

        def keep(rows: list[int]) -> None:
            results.update(zip(rows, work(rows), strict=True))

        self.run(lengths, keep, costs)
        return [results[row] for row in range(len(lengths))]

    def _fits(self, cost: int, length: int, work: Callable[[], None]) -> bool:
        try:
            work()
        except torch.cuda.OutOfMemoryError as error:
            self._halve(cost, length, error)
            return False
        return True

    def _halve(self, cost: int, length: int, error: torch.cuda.OutOfMemoryError) -> None:
        if self.tokens < 2 * cost:
            raise torch.cuda.OutOfMemoryError(
                f"A text of {length} tokens does not fit into memory even by itself. Free some "
                "of it, load the teacher with dtype=torch.bfloat16, lower its max_length, or use "
                "the CPU."
            ) from error
        self.tokens //= 2
        logger.warning("Out of memory: going on with tokens_per_batch=%d.", self.tokens)


def _alike(rows: list[int], lengths: Sequence[int], fewest: int) -> list[int]:
    """Rows of a batch, longest first; only the fewest where too much of all would be padding."""
    return rows if lengths[rows[-1]] >= _ALIKE * lengths[rows[0]] else rows[:fewest]
