# SPDX-License-Identifier: Apache-2.0
"""Where words begin and end, in scripts with spaces and in those without."""

import pytest

from dixtill_hf.data.words import normalize_word, without_spans, word_spans, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Acme isn't up 4.2%", ["Acme", "isn", "'", "t", "up", "4", ".", "2", "%"]),
        ("Café  Übermut\n", ["Café", "Übermut"]),
        ("日本語 ok", ["日", "本", "語", "ok"]),
        ("אבג안녕 👍🏽!", ["אבג안녕", "👍🏽", "!"]),
        ("a\x00b \ufffd", ["a\x00b"]),
        ("とても良い。", ["と", "て", "も", "良", "い", "。"]),
        ("スーパー", ["ス", "ー", "パ", "ー"]),
        ("กำไรดีที่สุด 5%", ["กำ", "ไ", "ร", "ดี", "ที่", "สุ", "ด", "5", "%"]),
        ("बहुत अच्छी फिल्म", ["बहुत", "अच्छी", "फिल्म"]),
        ("rất tốt", ["rất", "tốt"]),
        (" \n\t", []),
        ("", []),
    ],
)
def test_words_are_told_apart_in_every_script(text, words):
    assert [text[start:end] for start, end in word_spans(text)] == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Zürich IST Schön", ["zürich", "ist", "schön"]),
        ("e\u0301te\u0301 \u1112\u1161\u11ab", ["été", "한"]),  # composed
        ("má mà mã ma", ["má", "mà", "mã", "ma"]),
        ("か が", ["か", "が"]),
        ("फिल्म", ["फिल्म"]),
    ],
)
def test_normalising_keeps_what_tells_words_apart(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize(
    "forms",
    [
        ["\u0130STANBUL", "\u0130stanbul", "istanbul", "i\u0307stanbul", "I\u0307STANBUL"],
        ["\u0394\u0399\u03a3", "\u03b4\u03b9\u03c2", "\u0394\u0399\u03c2", "\u03b4\u03b9\u03c3"],
        ["STRA\u1e9eE", "stra\u00dfe"],
        ["\u00c9T\u00c9", "\u00e9t\u00e9", "E\u0301te\u0301"],
        ["\u0416\u0401", "\u0436\u0451"],
        ["\u01c4", "\u01c5", "\u01c6"],
        ["K\u0307", "k\u0307"],
        ["\u017b", "\u017c", "z\u0307"],
    ],
)
def test_a_word_is_one_word_in_any_case(forms):
    words = {word for form in forms for word in words_of(form)}
    assert len(words) == 1
    assert {normalize_word(form) for form in forms} == words
    assert all(word_spans(form)[0][0] == 0 for form in forms)


def test_a_normalised_word_stays_as_it_is():
    for word in ("i\u0307\u0307\u0307", "\u0130\u0307", "\u03c2\u03a3", "A\u0307b", "\x01"):
        assert normalize_word(normalize_word(word)) == normalize_word(word)


def test_accents_keep_words_apart():
    words = ["ma", "m\u00e1", "m\u0227", "i", "\u00ed", "\u0131", "\u1ecb", "\u1ecb\u0307"]
    assert len({normalize_word(word) for word in words}) == len(words)


def test_every_word_has_its_span():
    text = "  Cafe\u0301's İstanbul กำไร\u200b 株 ﬁn"
    assert len(words_of(text)) == len(word_spans(text))


def test_what_is_taken_away_leaves_spaces():
    text = "Café up 👍🏽!"
    spans = word_spans(text)
    assert without_spans(text, [spans[0], spans[2]]) == "     up   !"
    assert without_spans(text, []) == text
