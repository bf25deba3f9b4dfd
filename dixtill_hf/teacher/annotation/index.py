# SPDX-License-Identifier: Apache-2.0
"""Where every annotated text stands: flat arrays that are searched by halving, 24 bytes a text."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Places(NamedTuple):
    """Places of rows in shards.

    Attributes:
        shards: Position in `ShardIndex.names`, int32; -1 for a row that no shard has.
        rows: Row of that shard, int32.
    """

    shards: np.ndarray
    rows: np.ndarray


class _Run(NamedTuple):
    """Keys in their order, with the place of each."""

    keys: np.ndarray
    shards: np.ndarray
    rows: np.ndarray


class ShardIndex:
    """The keys of all shards.

    They are held as a few sorted runs, each at least twice as long as the next, so that adding a
    shard is cheap however many there are.

    Attributes:
        names: Names of the shards, in the order in which they were added.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._runs: list[_Run] = []

    def add(self, name: str, keys: np.ndarray) -> None:
        """Add a shard by the keys of its rows."""
        order = np.argsort(keys, kind="stable")
        shards = np.full(len(keys), len(self.names), np.int32)
        self.names.append(name)
        self._runs.append(_Run(keys[order], shards, order.astype(np.int32)))
        while len(self._runs) > 1 and len(self._runs[-2].keys) < 2 * len(self._runs[-1].keys):
            self._runs[-2:] = [_merged(*self._runs[-2:])]

    def find(self, keys: np.ndarray) -> Places:
        """Where each of these keys stands; the shard added first where several have it."""
        places = Places(np.full(len(keys), -1, np.int32), np.zeros(len(keys), np.int32))
        for run in reversed(self._runs):
            at = np.minimum(np.searchsorted(run.keys, keys), len(run.keys) - 1)
            found = run.keys[at] == keys
            places.shards[found] = run.shards[at[found]]
            places.rows[found] = run.rows[at[found]]
        return places

    def has(self, keys: np.ndarray) -> np.ndarray:
        """Whether a shard has each of these keys, bool."""
        return self.find(keys).shards >= 0


def _merged(older: _Run, newer: _Run) -> _Run:
    both = [np.concatenate(parts) for parts in zip(older, newer, strict=True)]
    order = np.argsort(both[0], kind="stable")
    return _Run(*(part[order] for part in both))
