# SPDX-License-Identifier: Apache-2.0
"""Keys tell texts apart, and what else an explainer reads, and nothing more."""

import pytest

from dixtill_hf.annotation.shards import as_keys, first_of_each, hash_keys, row_keys


def test_equal_texts_have_equal_keys_wherever_they_stand():
    keys = row_keys({"text": ["a", "b", "a", ""]}, [], range(4))
    assert keys[0] == keys[2]
    assert len(set(keys.tolist())) == 3
    assert first_of_each(keys).tolist() == [0, 1, 3]
    assert row_keys({"text": ["b"]}, [], [7])[0] == keys[1]


def test_what_the_explainer_reads_counts_and_nothing_else():
    batch = {"text": ["a", "a", "a"], "label": [0, 1, 0], "id": [1, 2, 3]}
    plain = row_keys(batch, [], range(3))
    assert plain[0] == plain[1]
    labelled = row_keys(batch, ["label"], range(3))
    assert labelled[0] != labelled[1]
    assert labelled[0] == labelled[2]
    scores = {"text": ["a", "a"], "scores": [[0.5, None], [0.5, 0.0]]}
    assert len(set(row_keys(scores, ["scores"], range(2)).tolist())) == 2


def test_keys_survive_as_bytes_even_where_they_end_in_zeros():
    data = bytes(range(1, 17)) + b"\x01" + bytes(15) + b"\x01\x00\x01" + bytes(13)
    keys = as_keys(data)
    assert keys.tobytes() == data
    assert first_of_each(keys).tolist() == [0, 1, 2]


def test_the_order_of_keys_counts():
    keys = row_keys({"text": ["a", "b"]}, [], range(2))
    assert hash_keys(keys) != hash_keys(keys[::-1])


@pytest.mark.parametrize("value", [None, 7, ["a"]])
def test_a_row_without_a_text_is_named(value):
    with pytest.raises(ValueError, match=r"Row 11 has no text: its column 'text' holds"):
        row_keys({"text": ["a", value]}, [], [10, 11])
