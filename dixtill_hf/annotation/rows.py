# SPDX-License-Identifier: Apache-2.0
"""The rows of a dataset as the engine looks at them: a part in memory, and by all processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from dixtill_hf.annotation.keys import KEY_TYPE, hash_keys, row_keys
from dixtill_hf.annotation.worker import Worker
from dixtill_hf.artifacts.process_group import Team
from dixtill_hf.data.columns import TEXT

_ROWS_AT_ONCE = 1024
_ROWS_COMPARED = 64


class DatasetRows:
    """A dataset that each process of a team has, in the same order.

    Args:
        dataset: Has the text and all that the explainer reads.
        worker: Whose explainer it is.
        team: The processes.
    """

    def __init__(self, dataset: Dataset, worker: Worker, team: Team) -> None:
        self._reads = worker.explainer.reads
        self._dataset = dataset.with_format(None).select_columns([TEXT, *self._reads])
        self._worker = worker
        self._team = team

    def read(self, rows: Sequence[int] | np.ndarray) -> dict[str, list[Any]]:
        """Rows as column → values."""
        return self._dataset[[int(row) for row in rows]]

    def keys(self) -> np.ndarray:
        """The keys of all rows, of which each process reads a part.

        Raises:
            ValueError: A text is missing, or the processes have different datasets.
        """
        self._check_same()
        return self._by_all(np.arange(len(self._dataset)), self._keys_of, KEY_TYPE)

    def costs(self, rows: np.ndarray) -> np.ndarray:
        """The costs of some rows, of which each process reads a part."""
        return self._by_all(rows, lambda part: self._worker.costs(self.read(part)[TEXT]), np.int64)

    def _keys_of(self, rows: np.ndarray) -> np.ndarray:
        return row_keys(self.read(rows), self._reads, rows)

    def _by_all(
        self, rows: np.ndarray, look: Callable[[np.ndarray], np.ndarray], dtype: np.typing.DTypeLike
    ) -> np.ndarray:
        """What `look` says of rows, each process looking at a part, a few at once."""
        share = self._team.share(len(rows))
        seen = b"".join(
            look(rows[start : min(start + _ROWS_AT_ONCE, share.stop)]).tobytes()
            for start in range(share.start, share.stop, _ROWS_AT_ONCE)
        )
        return np.frombuffer(b"".join(self._team.gather(seen)), dtype)

    def _check_same(self) -> None:
        """See from their number and a sample that the others' rows are the same."""
        count = len(self._dataset)
        sample = np.unique(np.linspace(0, count - 1, min(count, _ROWS_COMPARED)).astype(int))
        seen = f"{count} rows, {hash_keys(self._keys_of(sample)) if count else ''}"
        if len(set(self._team.gather(seen.encode()))) > 1:
            raise ValueError(
                "The processes were given different datasets: all of them must load, shuffle and "
                "split the same data in the same way, with a seed where there is chance in it."
            )
