# SPDX-License-Identifier: Apache-2.0
"""How texts are put into batches: their order, and the padding of a batch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.distillation.prepared_columns import (
    ATTRIBUTION_TARGETS,
    EXPLAINED_LABEL,
    INPUT_IDS,
    LABELS,
    TEACHER_LOGITS,
    TOKEN_TYPES,
)

# Wide enough for batches of one length, narrow enough for their company to change every epoch.
BATCHES_SORTED_TOGETHER = 50


class LengthBucketSampler(Sampler[int]):
    """Shuffled texts, sorted by length within stretches of 50 batches, the batches shuffled again.

    The order depends only on the seed and the epoch: it is the same on every process and after a
    restart. The texts that do not fill a batch come last.

    Args:
        lengths: Number of words of every text.
        batch_size: Texts of one optimizer step, over all processes and accumulated batches.
        seed: Seed of the shuffling.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch, counted from 0, whose order the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self.seed, self.epoch))
        return iter(bucketed_order(self.lengths, self.batch_size, rng).tolist())


def bucketed_order(
    lengths: NDArray[np.integer], batch_size: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The order that `LengthBucketSampler` describes.

    Args:
        lengths: Number of words of every text.
        batch_size: Texts of one optimizer step.
        rng: Draws the order.

    Returns:
        Every text once, `(texts,)`.
    """
    order = rng.permutation(len(lengths))
    full = len(order) - len(order) % batch_size
    stretch = batch_size * BATCHES_SORTED_TOGETHER
    for start in range(0, full, stretch):
        part = order[start : min(start + stretch, full)]
        part[:] = part[lengths[part].argsort(kind="stable")]
    batches = rng.permutation(order[:full].reshape(-1, batch_size))
    return np.concatenate([batches.ravel(), order[full:]])


@dataclass(frozen=True)
class DistillationCollator:
    """Pads on the right to the longest text of the batch, or to one word if all are empty.

    Attributes:
        pad_token_id: Word id of padding. Default 0.
    """

    pad_token_id: int = 0

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Make a batch of rows of a prepared dataset.

        Args:
            rows: Rows with `input_ids` and any other prepared columns; other columns are left out.

        Returns:
            `input_ids` and `attention_mask`, int64, `(batch, words)`, of pairs also
            `token_type_ids`, 0 on padding; and, if the rows have them,
            `labels` and `explained_label`, int64, `(batch,)`, `teacher_logits`, float32,
            `(batch, labels)`, and `attribution_targets`, float32, `(batch, words)`, 0 on padding.
            If a text has several labels or values, `labels` are float32 `(batch, labels)`. If it
            may have several explained labels, `explained_label` is `(batch, targets)`, -100 for
            those that a text does not have, and `attribution_targets` `(batch, targets, words)`.
        """
        lengths = torch.tensor([len(row[INPUT_IDS]) for row in rows])
        mask = torch.arange(max(1, int(lengths.max()))) < lengths[:, None]
        batch = {
            INPUT_IDS: _pad(_column(rows, INPUT_IDS), mask, self.pad_token_id, torch.long),
            "attention_mask": mask.long(),
        }
        if TOKEN_TYPES in rows[0]:
            batch[TOKEN_TYPES] = _pad(_column(rows, TOKEN_TYPES), mask, 0, torch.long)
        if LABELS in rows[0]:
            several = isinstance(rows[0][LABELS], Sequence)
            dtype = torch.float if several else torch.long
            batch[LABELS] = torch.tensor(_column(rows, LABELS), dtype=dtype)
        if TEACHER_LOGITS in rows[0]:
            batch[TEACHER_LOGITS] = torch.tensor(_column(rows, TEACHER_LOGITS), dtype=torch.float)
        if isinstance(rows[0].get(EXPLAINED_LABEL), Sequence):
            return batch | _several_targets(rows, mask)
        if EXPLAINED_LABEL in rows[0]:
            batch[EXPLAINED_LABEL] = torch.tensor(_column(rows, EXPLAINED_LABEL), dtype=torch.long)
        if ATTRIBUTION_TARGETS in rows[0]:
            targets = _column(rows, ATTRIBUTION_TARGETS)
            batch[ATTRIBUTION_TARGETS] = _pad(targets, mask, 0, torch.float)
        return batch


def _several_targets(rows: Sequence[Mapping[str, Any]], mask: Tensor) -> dict[str, Tensor]:
    counts = torch.tensor([len(row[EXPLAINED_LABEL]) for row in rows])
    has = torch.arange(max(1, int(counts.max()))) < counts[:, None]
    words = has.unsqueeze(-1) & mask.unsqueeze(1)
    lists = chain.from_iterable(_column(rows, ATTRIBUTION_TARGETS))
    return {
        EXPLAINED_LABEL: _pad(_column(rows, EXPLAINED_LABEL), has, LABEL_UNKNOWN, torch.long),
        ATTRIBUTION_TARGETS: _pad(lists, words, 0, torch.float),
    }


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def _pad(lists: Iterable[Sequence], mask: Tensor, padding: int, dtype: torch.dtype) -> Tensor:
    padded = torch.full(mask.shape, padding, dtype=dtype)
    padded[mask] = torch.tensor(list(chain.from_iterable(lists)), dtype=dtype)
    return padded
