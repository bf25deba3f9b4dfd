# SPDX-License-Identifier: Apache-2.0
"""How the texts that are left are cut into shards, and which process takes which.

The plan must come out the same however often it is made anew: a shard that was planned before a
process was killed is planned again, text for text, when the work goes on, since what is computed
together decides the last bits of the result. Two things see to that. The texts of a window of the
dataset are put in the order of their costs, cheapest first, and shards are filled in that order:
when some of the shards are done and gone, what ended each of the others, a text that was too
much for it, is followed by texts that cost as much or more. And costs are whole numbers.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dixtill_hf.explainers.base import Explainer
from dixtill_hf.teacher.loading import Teacher


@dataclass(frozen=True)
class ShardSize:
    """What a shard may hold: some ten to thirty seconds of work, which is what a kill loses.

    Attributes:
        texts: Most texts.
        operations: Most floating-point operations, one text excepted.
    """

    texts: int
    operations: float


CPU_SHARD = ShardSize(256, 4e12)
# It must fill a device many times over.
ACCELERATOR_SHARD = ShardSize(2048, 4e15)
# So that texts of like length can be found for a shard, but a plan needs little memory.
SHARDS_PER_WINDOW = 16


@dataclass(frozen=True)
class Limits:
    """Where shards end.

    Attributes:
        texts: Most texts of a shard.
        cost: Most tokens that the teacher reads for a shard, one text excepted.
    """

    texts: int
    cost: int

    @classmethod
    def of(cls, teacher: Teacher, explainer: Explainer) -> Limits:
        """The limits for a teacher on its device."""
        size = CPU_SHARD if teacher.device.type == "cpu" else ACCELERATOR_SHARD
        # A multiplication and an addition for each weight, and as many again for a gradient.
        weights = max(1, teacher.model.num_parameters(exclude_embeddings=True))
        per_token = weights * (4 if explainer.uses_gradients else 2)
        return cls(size.texts, max(1, int(size.operations / per_token)))

    @property
    def window(self) -> int:
        """Texts of the dataset among which those of a shard are chosen."""
        return self.texts * SHARDS_PER_WINDOW


@dataclass(frozen=True)
class PlannedShard:
    """Texts that are computed together.

    Attributes:
        texts: Their positions among those that were planned, cheapest first.
        cost: Tokens that the teacher reads for all of them.
    """

    texts: np.ndarray
    cost: int


def plan_shards(windows: np.ndarray, costs: np.ndarray, limits: Limits) -> list[PlannedShard]:
    """Cut texts into shards.

    Args:
        windows: The window of the dataset that each text is in, ascending.
        costs: Cost of every text in tokens, int64.
        limits: Where shards end.
    """
    borders = np.flatnonzero(np.diff(windows)) + 1
    shards = []
    for window in np.split(np.arange(len(windows)), borders):
        order = window[np.argsort(costs[window], kind="stable")]
        total = np.concatenate([[0], np.cumsum(costs[order])])
        start = 0
        while start < len(order):
            end = int(np.searchsorted(total, total[start] + limits.cost, side="right")) - 1
            end = max(start + 1, min(end, start + limits.texts))
            shards.append(PlannedShard(order[start:end], int(total[end] - total[start])))
            start = end
    return shards


def assign_shards(shards: Sequence[PlannedShard], processes: int) -> list[list[int]]:
    """For each process its shards: each goes to the one that has the least to do so far."""
    loads = [(0, rank) for rank in range(processes)]
    assigned: list[list[int]] = [[] for _ in range(processes)]
    for number, shard in enumerate(shards):
        load, rank = heapq.heappop(loads)
        assigned[rank].append(number)
        heapq.heappush(loads, (load + shard.cost, rank))
    return assigned
