# SPDX-License-Identifier: Apache-2.0
"""An order of the texts in which those of a batch have similar lengths."""

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

# Wide enough for batches of one length, narrow enough for their company to change every epoch.
_BATCHES_SORTED_TOGETHER = 50


class LengthBucketSampler(Sampler[int]):
    """Shuffled texts, sorted by length within stretches of 50 batches, the batches shuffled again.

    The order is a function of the seed and the epoch alone: the same on every process and after
    a restart. The texts that do not fill a batch come last.

    Args:
        lengths: Words of every text.
        batch_size: Texts of one optimizer step, over all processes and accumulated batches.
        seed: Of the shuffling.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration is of, counted from 0."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(len(self))
        full = len(order) - len(order) % self.batch_size
        stretch = self.batch_size * _BATCHES_SORTED_TOGETHER
        for start in range(0, full, stretch):
            part = order[start : min(start + stretch, full)]
            part[:] = part[self.lengths[part].argsort(kind="stable")]
        batches = rng.permutation(order[:full].reshape(-1, self.batch_size))
        return iter([*batches.ravel().tolist(), *order[full:].tolist()])
