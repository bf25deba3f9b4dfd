# SPDX-License-Identifier: Apache-2.0
"""The character n-grams of words and the buckets that they fall into."""

from zlib import crc32

import torch

from dixtill_hf.student.tokenization import character_ngrams, hashed_ngrams


def test_ngrams_of_three_to_five_characters_with_the_borders():
    assert character_ngrams("up") == ["<up", "up>", "<up>"]
    assert character_ngrams("a") == ["<a>"]
    assert "rises" in character_ngrams("rises")
    assert len(character_ngrams("rises")) == 5 + 4 + 3


def test_words_share_the_buckets_of_what_they_have_in_common():
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "rises": 2, "riser": 3}
    found = hashed_ngrams(vocabulary, 10**9)
    assert found.dtype == torch.int64
    assert found.shape == (4, 12)
    assert not found[:2].any()
    rises, riser = character_ngrams("rises"), character_ngrams("riser")
    assert found[2].tolist() == [1 + crc32(one.encode()) % 10**9 for one in rises]
    common = set(rises) & set(riser)
    assert len(set(found[2].tolist()) & set(found[3].tolist())) == len(common) > 0


def test_few_buckets_hold_all_ngrams():
    found = hashed_ngrams({"[PAD]": 0, "[UNK]": 1, "abcdefgh": 2, "xyz": 3}, 3)
    assert set(found[2].tolist()) == {1, 2, 3}
    assert set(found[3].tolist()) <= {0, 1, 2, 3}
    assert (found[3] != 0).sum() == len(character_ngrams("xyz"))


def test_a_very_long_word_is_read_at_its_beginning():
    laugh, longer = "ha" * 15, "ha" * 1000
    assert set(character_ngrams(laugh)) - set(character_ngrams(longer)) == {"ha>", "aha>", "haha>"}
    assert hashed_ngrams({"[PAD]": 0, "[UNK]": 1, longer: 2}, 100).shape[1] < 100
