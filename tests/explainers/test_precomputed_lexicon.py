# SPDX-License-Identifier: Apache-2.0
"""Lexicons: what is found in a text, how files are read, and what is refused."""

import json

import pytest

from dixtill_hf.explainers.precomputed import Lexicon, read_lexicon


def _found(lexicon: dict[str, float], text: str) -> dict[str, float]:
    spans, scores = Lexicon(lexicon).find(text)
    return {text[start:end]: score for (start, end), score in zip(spans, scores, strict=True)}


def test_words_are_found_whatever_their_case():
    assert _found({"Good": 1.5, "STRASSE": -1}, "good, Straße") == {
        "good": 1.5,
        ",": 0.0,
        "Straße": -1.0,
    }


def test_the_longest_entry_wins():
    lexicon = {"not": -1.0, "not bad": 2.0, "bad": -2.0, ":)": 3.0}
    assert _found(lexicon, "not bad at all :)") == {
        "not bad": 2.0,
        "at": 0.0,
        "all": 0.0,
        ":)": 3.0,
    }
    assert _found(lexicon, "bad not") == {"bad": -2.0, "not": -1.0}


def test_a_text_without_words_has_no_spans():
    assert Lexicon({"a": 1}).find(" ") == ([], [])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps({"good": 1, "über alles": -2.5})),
        ("a.tsv", "good\t1\t0.5\tmore\n\nüber alles\t-2.5\n"),
        ("a.txt", "good\t1\r\nüber alles\t-2.5"),
    ],
)
def test_files_are_read(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert read_lexicon(path) == {"good": 1, "über alles": -2.5}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "is no JSON"),
        ("a.json", "[1]", "must be a JSON object"),
        ("a.tsv", "good\t1\nbad", "line 2: expected a word, a tab and its score, got 'bad'"),
        ("a.tsv", "good\tvery", "line 1: expected a word"),
        ("a.tsv", "good\t1\nbad\t0\ngood\t2", "has 'good' more than once"),
        ("a.json", '{"good": 1, "good": 2}', "has 'good' more than once"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_lexicon(path)


@pytest.mark.parametrize(
    ("lexicon", "message"),
    [
        ({}, "empty"),
        ({" ": 1.0}, "has no word in it"),
        ({"good": float("nan")}, "finite numbers, got 'good'"),
        ({"good": "1"}, "finite numbers, got 'good'"),
        ({3: 1.0}, "holds words"),
        ({"good": 1.0, "GOOD": 2.0}, "another score for 'GOOD'"),
    ],
)
def test_entries_that_cannot_be_used_are_refused(lexicon, message):
    with pytest.raises(ValueError, match=message):
        Lexicon(lexicon)
