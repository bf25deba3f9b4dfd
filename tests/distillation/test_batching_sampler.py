# SPDX-License-Identifier: Apache-2.0
"""The order of the texts: complete, reproducible, and of similar lengths within a batch."""

import numpy as np

from dixtill_hf.distillation.batching import LengthBucketSampler

LENGTHS = np.random.default_rng(0).integers(1, 60, size=1003)


def test_every_text_comes_once() -> None:
    order = list(LengthBucketSampler(LENGTHS, batch_size=8, seed=0))
    assert sorted(order) == list(range(1003))


def test_batches_have_similar_lengths() -> None:
    order = np.array(list(LengthBucketSampler(LENGTHS, batch_size=8, seed=0)))
    batches = LENGTHS[order[:1000]].reshape(-1, 8)
    padded = batches.max(axis=1).mean() / LENGTHS.mean()
    assert padded < 1.05  # in a random order it is nearly twice


def test_batches_do_not_come_in_the_order_of_their_lengths() -> None:
    order = np.array(list(LengthBucketSampler(LENGTHS, batch_size=8, seed=0)))
    longest = LENGTHS[order[:1000]].reshape(-1, 8).max(axis=1)
    assert abs(np.corrcoef(longest[:-1], longest[1:])[0, 1]) < 0.3


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    sampler, again = (LengthBucketSampler(LENGTHS, batch_size=8, seed=0) for _ in range(2))
    first = list(sampler)
    assert list(again) == first
    again.set_epoch(1)
    assert list(again) != first
    assert list(LengthBucketSampler(LENGTHS, batch_size=8, seed=1)) not in (first, list(again))
    again.set_epoch(0)
    assert list(again) == first


def test_fewer_texts_than_a_batch() -> None:
    assert sorted(LengthBucketSampler([3, 1, 2], batch_size=8, seed=0)) == [0, 1, 2]
    assert list(LengthBucketSampler([], batch_size=8, seed=0)) == []
