# SPDX-License-Identifier: Apache-2.0
"""Quotes are read in every form, and found as people and models write them."""

import math

import pytest

from dixtill_hf.data.quotes import Quote, count_quotes, find_quote, read_quotes

TEXT = "Acme  RAISES its full-year outlook, and the stock jumps. It jumps again!"


def quoted(quote: str) -> list[str]:
    return [TEXT[start:end] for start, end in find_quote(TEXT, quote)]


def test_case_spaces_and_outer_punctuation_do_not_matter() -> None:
    assert quoted("acme raises") == ["Acme  RAISES"]
    assert quoted('"full-year outlook."') == ["full-year outlook"]


def test_every_place_is_found_and_only_whole_words() -> None:
    assert quoted("jumps") == ["jumps", "jumps"]
    assert quoted("jump") == []
    assert quoted("look") == []


def test_small_slips_are_forgiven_and_inventions_are_not() -> None:
    assert quoted("raises its full-year outlok") == ["RAISES its full-year outlook"]
    assert quoted("raises a full-year outlook") == ["RAISES its full-year outlook"]
    assert quoted("cuts its dividend for good") == []


def test_words_left_out_of_a_quote() -> None:
    assert quoted("Acme raises ... the stock jumps") == ["Acme  RAISES", "the stock jumps"]


def test_characters_of_several_letters_keep_their_places() -> None:
    text = "Ein großer Gewinn: ﬁne"
    ((start, end),) = find_quote(text, "GROSSER gewinn")
    assert text[start:end] == "großer Gewinn"
    ((start, end),) = find_quote(text, "fine")
    assert text[start:end] == "ﬁne"


@pytest.mark.parametrize(
    "value",
    [
        ["fell", "weak quarter"],
        '["fell", "weak quarter"]',
        "fell; weak quarter",
        "fell\nweak quarter",
        [{"quote": "fell"}, {"text": "weak quarter"}],
    ],
)
def test_forms_of_one_answer(value: object) -> None:
    assert read_quotes(value) == [[Quote("fell"), Quote("weak quarter")]]


def test_labels_and_several_answers() -> None:
    assert read_quotes({"good": ["up"], "bad": "down"}) == [
        [Quote("up", "good"), Quote("down", "bad")]
    ]
    assert read_quotes([["a"], None, ["a", "b"]]) == [[Quote("a")], [], [Quote("a"), Quote("b")]]
    assert read_quotes(None) == read_quotes("") == [[]]


@pytest.mark.parametrize("value", ["[not json", [1, 2], 5])
def test_other_forms_are_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        read_quotes(value)


def test_the_share_that_was_found() -> None:
    counted = count_quotes([TEXT, TEXT], [["jumps", "dividend cut"], None])
    assert (counted.texts, counted.quotes, counted.found, counted.share) == (1, 2, 1, 0.5)
    assert math.isnan(count_quotes([TEXT], [[]]).share)
