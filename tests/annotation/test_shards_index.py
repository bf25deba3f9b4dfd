# SPDX-License-Identifier: Apache-2.0
"""The index finds every text in the shard that has it."""

import numpy as np

from dixtill_hf.annotation.shards import ShardIndex, row_keys


def _keys(numbers):
    return row_keys({"text": [str(number) for number in numbers]}, [], numbers)


def test_an_empty_index_has_nothing():
    assert ShardIndex().has(_keys(range(3))).tolist() == [False] * 3


def test_every_key_is_found_where_it_stands():
    random = np.random.default_rng(0)
    index, where = ShardIndex(), {}
    numbers = iter(random.permutation(2000))
    for shard, size in enumerate(random.integers(1, 30, 100)):
        chosen = [next(numbers) for _ in range(size)]
        index.add(f"shard {shard}", _keys(chosen))
        where |= {number: (shard, row) for row, number in enumerate(chosen)}
    places = index.find(_keys(range(2000)))
    for number in range(2000):
        expected = where.get(number, (-1, 0))
        assert (places.shards[number], places.rows[number]) == expected
    assert index.has(_keys(range(2000))).sum() == len(where)


def test_the_shard_that_came_first_wins():
    index = ShardIndex()
    for name, numbers in (("a", [1, 2]), ("b", [3]), ("c", [2, 3, 4])):
        index.add(name, _keys(numbers))
    assert index.find(_keys([1, 2, 3, 4])).shards.tolist() == [0, 0, 1, 2]
    assert index.names == ["a", "b", "c"]


def test_memory_is_flat_in_the_shards_and_small():
    index = ShardIndex()
    for shard in range(300):
        index.add(str(shard), _keys(range(shard * 10, shard * 10 + 10)))
    arrays = [array for run in index._runs for array in run]
    assert sum(array.nbytes for array in arrays) == 3000 * 24
    assert len(index._runs) < 12
