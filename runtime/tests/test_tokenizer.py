# SPDX-License-Identifier: Apache-2.0
"""Words and their spans."""

import pytest

from dixtill_runtime.container import read_container
from dixtill_runtime.tokenizer import WordTokenizer


@pytest.fixture
def bits() -> str:
    return "8"


@pytest.fixture
def tokenizer(student: bytes) -> WordTokenizer:
    return WordTokenizer(read_container(student))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Profit falls.", ["Profit", "falls", "."]),
        ("1,200", ["1", ",", "200"]),
        ("  a\tb\u00a0c\u3000d ", ["a", "b", "c", "d"]),
        ("東京", ["東", "京"]),
        ("x東y", ["x", "東", "y"]),
        ("\u0e01\u0e33\u0e01\u0e32", ["\u0e01\u0e33", "\u0e01", "\u0e32"]),
        ("soft\u00adhyphen", ["soft\u00adhyphen"]),
        ("a[UNK]b", ["a", "[UNK]", "b"]),
        ("[pad]", ["[", "pad", "]"]),
        ("[PAD][PAD]", ["[PAD]", "[PAD]"]),
        ("\x00\u200b", []),
        ("", []),
    ],
)
def test_where_words_begin_and_end(tokenizer: WordTokenizer, text: str, words: list[str]) -> None:
    found, cut = tokenizer(text)
    assert [text[word.start : word.end] for word in found] == words
    assert not cut


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("CAFE\u0301", "café"),
        ("\u0130STANBUL", "i\u0307stanbul"),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국"),
        ("\u0229\u0301", "e\u0301\u0327"),
        ("\u0130STANBUL", "istanbul"),
        ("i\u00ad\x01\u0307\u0307stanbul", "i\u00adstanbul"),
        ("ΌΣΟΣ", "όσοσ"),
        ("όσος", "όσοσ"),
        ("ca\u200bfé", "café"),
        ("\ud800café", "café"),
    ],
)
def test_texts_that_read_alike_have_the_same_row(
    tokenizer: WordTokenizer, text: str, same: str
) -> None:
    (word,), (other,) = tokenizer(text)[0], tokenizer(same)[0]
    assert word.row == other.row


def test_a_composed_character_has_the_span_of_its_first_part(tokenizer: WordTokenizer) -> None:
    (word,) = tokenizer("cafe\u0301")[0]
    assert (word.start, word.end) == (0, 4)
    assert word.row > 0


def test_words_beyond_the_limit_are_cut_and_it_is_said(tokenizer: WordTokenizer) -> None:
    words, cut = tokenizer("the " * 17)
    assert len(words) == 16
    assert cut
    assert not tokenizer("the " * 16)[1]


def test_a_long_text_is_read_only_as_far_as_it_counts(tokenizer: WordTokenizer) -> None:
    text = "the [UNK] cafe\u0301 " * 1_000_000
    words, cut = tokenizer(text)
    assert len(words) == 16
    assert cut
