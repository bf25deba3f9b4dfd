# SPDX-License-Identifier: Apache-2.0
"""The forms of a statement say the same thing, and numbers take the right article."""

import re
from random import Random

import pytest

from dixtill_hf.data.headlines.grammar import decision, fill, statement
from dixtill_hf.data.headlines.vocabulary import BAD_EVENTS, BAD_TARGETS, GOOD_EVENTS, GOOD_TARGETS


def marked(text: str) -> list[str]:
    return re.findall(r"\[(.*?)\]", text)


@pytest.mark.parametrize("good", [True, False])
def test_all_forms_mark_the_same_number_of_words(good):
    random = Random(0)
    for _ in range(300):
        said = statement(random, good)
        subject = len(marked(said.topic))
        assert len(marked(said.finite)) == len(marked(said.infinitive)) >= 1
        assert len(marked(said.noun)) == subject + len(marked(said.finite))


def test_good_and_bad_news_share_their_words():
    # A word that stood in one of the two alone would give the label away.
    random = Random(0)
    said = {good: [decision(random, good).finite for _ in range(500)] for good in (True, False)}
    words = {
        good: {word for text in texts for word in marked(text)} for good, texts in said.items()
    }
    assert words[True] == words[False]


def test_numbers_take_the_right_article():
    random = Random(0)
    nouns = [statement(random, True).noun for _ in range(1500)]
    assert not [noun for noun in nouns if re.match(r"a (8|11|18)%|an (?!8%|11%|18%)", noun)]
    assert any(noun.startswith("an 8%") for noun in nouns)


@pytest.mark.parametrize("templates", [GOOD_EVENTS, BAD_EVENTS])
def test_templates_are_filled(templates):
    for _, rest in templates:
        assert not re.search(r"[{}]", fill(Random(0), rest))


def test_no_target_is_both_good_and_bad():
    assert not set(GOOD_TARGETS) & set(BAD_TARGETS)
