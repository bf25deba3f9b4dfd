# SPDX-License-Identifier: Apache-2.0
"""Variants are made of the words of the texts, in their order, and of nothing else."""

import pytest

from dixtill_hf.data.words import words_of
from dixtill_hf.distillation.augmentation import VARIATIONS, text_variants

TEXTS = [
    "Profits of Veltara rise by 12%, shares follow.",
    "The board cuts its outlook for the year",
    "利润上升 股价下跌",
]


def characters(text: str) -> str:
    return "".join(text.split())


def is_subsequence(part: str, whole: str) -> bool:
    letters = iter(whole)
    return all(letter in letters for letter in part)


def test_a_variant_holds_words_of_one_or_two_texts_in_their_order():
    for variant in text_variants(TEXTS, 20, seed=1):
        sources = [characters(a + b) for a in TEXTS for b in TEXTS]
        assert any(is_subsequence(characters(variant), source) for source in sources)


def test_variants_differ_from_each_other_and_from_the_texts():
    variants = text_variants(TEXTS, 50, seed=2)
    assert len(set(variants)) == len(variants)
    assert not set(variants) & set(TEXTS)


def test_the_same_seed_gives_the_same_variants():
    assert text_variants(TEXTS, 5, seed=3) == text_variants(TEXTS, 5, seed=3)
    assert text_variants(TEXTS, 5, seed=3) != text_variants(TEXTS, 5, seed=4)


def test_every_way_to_vary_is_used():
    variants = text_variants(["one two three four five six seven eight nine ten"], 60)
    whole = "one two three four five six seven eight nine ten"
    assert any(variant in whole for variant in variants)  # cut
    assert any(variant not in whole for variant in variants)  # thinned or spliced
    assert set(VARIATIONS) == {"cut", "thin", "splice"}


@pytest.mark.parametrize("texts", [["word"], ["", "   ", "one two"]])
def test_short_and_empty_texts_are_no_problem(texts: list[str]):
    assert all(variant.strip() for variant in text_variants(texts, 10))


def test_words_are_replaced_by_similar_ones_alone():
    similar = {"profits": ["losses", "income"], "rise": ["fall"], "board": ["panel"]}
    variants = text_variants(TEXTS[:2], 40, seed=5, similar=similar)
    known = {word.lower() for text in TEXTS for word in words_of(text)}
    new = {word for variant in variants for word in words_of(variant)} - known
    assert new == {"losses", "income", "fall", "panel"}
    assert any("Losses" in variant for variant in variants)  # capital letters stay
    assert any("Profits" in variant for variant in variants)  # not every word is replaced
    assert text_variants(TEXTS, 5, seed=5, similar={}) == text_variants(TEXTS, 5, seed=5)


def test_half_of_the_words_at_most_are_replaced():
    text = " ".join(["up"] * 400)
    for variant in text_variants([text], 30, similar={"up": ["down"]}):
        assert 0.05 < words_of(variant).count("down") / len(words_of(variant)) < 0.6


def test_a_number_below_one_is_refused():
    with pytest.raises(ValueError, match="per_text must be at least 1, got 0"):
        text_variants(TEXTS, 0)
