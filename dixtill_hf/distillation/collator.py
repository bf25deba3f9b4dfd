# SPDX-License-Identifier: Apache-2.0
"""Put prepared texts together into a padded batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from dixtill_hf.distillation.preparation import (
    ATTRIBUTION_TARGETS,
    EXPLAINED_LABEL,
    INPUT_IDS,
    LABELS,
    TEACHER_LOGITS,
)


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
            rows: Each with `input_ids`, and whichever other prepared columns there are; columns
                that are none of those are left out.

        Returns:
            `input_ids` and `attention_mask`, int64, `(batch, words)`; and where the rows have
            them `labels` and `explained_label`, int64, `(batch,)`, `teacher_logits`, float32,
            `(batch, labels)`, and `attribution_targets`, float32, `(batch, words)`, 0 on padding.
        """
        lengths = torch.tensor([len(row[INPUT_IDS]) for row in rows])
        mask = torch.arange(max(1, int(lengths.max()))) < lengths[:, None]
        batch = {
            INPUT_IDS: _pad(_column(rows, INPUT_IDS), mask, self.pad_token_id, torch.long),
            "attention_mask": mask.long(),
        }
        if ATTRIBUTION_TARGETS in rows[0]:
            targets = _column(rows, ATTRIBUTION_TARGETS)
            batch[ATTRIBUTION_TARGETS] = _pad(targets, mask, 0, torch.float)
        for name, dtype in _ONE_PER_TEXT.items():
            if name in rows[0]:
                batch[name] = torch.tensor(_column(rows, name), dtype=dtype)
        return batch


_ONE_PER_TEXT = {LABELS: torch.long, EXPLAINED_LABEL: torch.long, TEACHER_LOGITS: torch.float}


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def _pad(lists: Iterable[Sequence], mask: Tensor, padding: int, dtype: torch.dtype) -> Tensor:
    padded = torch.full(mask.shape, padding, dtype=dtype)
    padded[mask] = torch.tensor(list(chain.from_iterable(lists)), dtype=dtype)
    return padded
