# SPDX-License-Identifier: Apache-2.0
"""Where words begin and end, in scripts with spaces and in those without."""

import pytest

from dixtill_hf.data.words import word_spans, words_of


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


def test_every_word_has_its_span():
    text = "  Cafe\u0301's İstanbul กำไร\u200b 株 ﬁn"
    assert len(words_of(text)) == len(word_spans(text))
