# SPDX-License-Identifier: Apache-2.0
"""A random sample of a split, the same each time: splits may be sorted by label."""

from __future__ import annotations

import numpy as np
from datasets import Dataset


def seeded_sample(split: Dataset, most: int) -> Dataset:
    """No more than so many rows of a split, drawn at random, in the order of the split."""
    rows = np.random.default_rng(0).permutation(len(split))[:most]
    return split.select(sorted(rows.tolist()))
