# SPDX-License-Identifier: Apache-2.0
"""The annotation of streams, lazily: each batch of rows when it is first asked for."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from datasets import Features, IterableDataset

from dixtill_hf.annotation.annotator import Annotator
from dixtill_hf.annotation.keys import first_of_each, row_keys
from dixtill_hf.annotation.planning import plan_shards
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.data.columns import TEXT, TRUNCATED

logger = logging.getLogger(__name__)


def annotate_stream(dataset: IterableDataset, annotator: Annotator) -> IterableDataset:
    """The stream with the added columns.

    Args:
        dataset: Its features must be known.
        annotator: Its store is opened when the first row is asked for.
    """
    kind = dataset._formatting.format_type if dataset._formatting else None  # it tells no other way
    annotated = dataset.with_format(None).map(
        _BatchAnnotator(annotator),
        with_indices=True,
        batched=True,
        batch_size=annotator.limits.texts,
        features=Features({**dataset.features, **annotator.worker.features}),
    )
    return annotated.with_format(kind)


class _BatchAnnotator:
    """Adds the columns to one batch after the other, from the store where it has them."""

    def __init__(self, annotator: Annotator) -> None:
        self._annotator = annotator
        self._opened = False
        self._warned = False

    def __call__(self, batch: dict[str, list[Any]], rows: list[int]) -> dict[str, list[Any]]:
        if not self._opened:
            self._annotator.open(ProcessGroup())
            self._opened = True
        keys = row_keys(batch, self._annotator.worker.explainer.reads, rows)
        self._complete(batch, keys, np.asarray(rows))
        table = self._annotator.store.rows(keys, self._annotator.worker.schema)
        added = table.to_pydict()
        if any(added[TRUNCATED]) and not self._warned:
            logger.warning(
                "Texts, of which row %d is the first, are longer than the teacher's limit: the "
                "words beyond it get attribution 0.",
                rows[added[TRUNCATED].index(True)],
            )
            self._warned = True
        return added

    def _complete(self, batch: dict[str, list[Any]], keys: np.ndarray, rows: np.ndarray) -> None:
        """Annotate the texts that the store does not have."""
        worker, store = self._annotator.worker, self._annotator.store
        first = first_of_each(keys)
        left = first[~store.index.has(keys[first])]
        if not len(left):
            return
        costs = worker.costs([batch[TEXT][index] for index in left])
        for shard in plan_shards(np.zeros(len(left), int), costs, self._annotator.limits):
            chosen = left[shard.texts]
            part = {
                name: [batch[name][index] for index in chosen]
                for name in (TEXT, *worker.explainer.reads)
            }
            table = worker.annotate(part, rows[chosen].tolist())
            store.index.add(store.write(keys[chosen], table), keys[chosen])
