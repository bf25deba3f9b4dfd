# SPDX-License-Identifier: Apache-2.0
"""Clauses agree with their subjects, and only the main clause keeps its marks."""

import re
from random import Random

import pytest

from dixtill_hf.data.headlines.grammar import Tone, capitalise, headline, plain


def headlines(tone: Tone, count: int = 500) -> list[str]:
    random = Random(0)
    return [headline(random, "Alpha", "Beta", tone) for _ in range(count)]


@pytest.mark.parametrize("tone", Tone)
def test_every_headline_names_its_company_and_marks_words(tone):
    for text in headlines(tone):
        assert "Alpha" in text
        assert re.search(r"\[[^\[\]]+\]", text)


@pytest.mark.parametrize("tone", Tone)
def test_no_mark_stands_in_the_clause_on_the_rival(tone):
    for text in headlines(tone):
        beside = re.search(r"(?:rival|competitor|peer) Beta ([^,?]*?)(?:,|$|\[\?)", text)
        if beside and "," not in text:
            assert "[" not in beside[1]


@pytest.mark.parametrize("tone", Tone)
def test_verbs_agree_with_their_subjects(tone):
    wrong = r"\bits? \w+s is\b|\bit are\b|\bit (to|set|expected|likely|unlikely|not|no longer ex)\b"
    assert not [text for text in headlines(tone) if re.search(wrong, plain(text))]


def test_polar_headlines_ask_nothing_of_their_own():
    for tone in (Tone.BEARISH, Tone.BULLISH):
        assert not [text for text in headlines(tone) if text.endswith("[?]")]


def test_neutral_headlines_name_good_and_bad_news_too():
    texts = headlines(Tone.NEUTRAL)
    assert any("beat" in text for text in texts)
    assert any("miss" in text for text in texts)


@pytest.mark.parametrize(
    ("marked", "expected"), [("[will] it", "[Will] it"), ("despite", "Despite"), ("", "")]
)
def test_a_headline_begins_with_a_capital(marked, expected):
    assert capitalise(marked) == expected


def test_marks_can_be_taken_off():
    assert plain("Alpha [fails to] [rise]") == "Alpha fails to rise"
