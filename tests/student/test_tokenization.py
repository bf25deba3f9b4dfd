# SPDX-License-Identifier: Apache-2.0
"""The word tokenizer: its vocabulary, its offsets, and what it saves."""

import json
from pathlib import Path

import pytest
from tokenizers import normalizers, pre_tokenizers
from transformers import AutoTokenizer

from dixtill_hf.student.tokenization import WordTokenizer, encode_padded, train_word_tokenizer


def vocabulary(tokenizer: WordTokenizer) -> list[str]:
    return sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)


def test_words_are_ordered_by_frequency_then_first_appearance() -> None:
    tokenizer = train_word_tokenizer(["zebra up down", "down b a", "down up"])
    assert vocabulary(tokenizer) == ["[PAD]", "[UNK]", "down", "up", "zebra", "b", "a"]


def test_vocabulary_can_be_cut() -> None:
    texts = ["a a a b b c"]
    assert vocabulary(train_word_tokenizer(texts, min_frequency=2))[2:] == ["a", "b"]
    assert vocabulary(train_word_tokenizer(texts, max_size=3))[2:] == ["a"]


def test_variant_texts_add_words_that_no_text_has() -> None:
    texts, made = ["up up so rare"], ["down down so so rare rare new"]
    known = vocabulary(train_word_tokenizer(texts, min_frequency=2, variant_texts=made))
    assert list(known)[2:] == ["up", "down"]  # "rare" is seen once, however often it is repeated
    known = vocabulary(
        train_word_tokenizer(texts, 2, variant_texts=made, extra_words=["left"], max_size=5)
    )
    assert list(known)[2:] == ["up", "down", "left"]


def test_extra_words_stand_behind_those_of_the_texts_beyond_any_limit() -> None:
    further = ["up", "Down", "left", "a-b", "two words", "right"]
    known = vocabulary(train_word_tokenizer(["up up so"], extra_words=further))
    assert known[2:] == ["up", "so", "left", "right"]
    known = vocabulary(train_word_tokenizer(["up up so"], max_size=3, extra_words=further))
    assert known[2:] == ["up", "left", "right"]


def test_words_not_in_the_vocabulary_are_unknown() -> None:
    tokenizer = train_word_tokenizer(["shares rose"])
    assert tokenizer("shares fell rose")["input_ids"] == [2, 1, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Acme's profit FELL 3.5%", ["acme", "'", "s", "profit", "fell", "3", ".", "5", "%"]),
        ("Café  Übermut\tin Zürich", ["café", "übermut", "in", "zürich"]),
        ("日本株は上昇 up", ["日", "本", "株", "は", "上", "昇", "up"]),
        ("bad\u0000 control\u200b", ["bad", "control"]),
    ],
)
def test_texts_are_normalised_and_split(text: str, words: list[str]) -> None:
    assert train_word_tokenizer([text]).tokenize(text) == words


@pytest.mark.parametrize(("text", "told"), [("a a a b", False), ("a a b c", True)])
def test_many_unknown_words_are_told(
    text: str, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    train_word_tokenizer([text], min_frequency=2)
    assert ("unknown to the student, which knows 1" in caplog.text) == told


def test_offsets_are_of_the_text_as_given() -> None:
    text = "  Café\u2019s \uff2f\uff30, e\u0301t\u00e9 株価!"
    encoding = train_word_tokenizer([text])(text, return_offsets_mapping=True)
    words = [text[start:end] for start, end in encoding["offset_mapping"]]
    assert words == ["Café", "\u2019", "s", "\uff2f\uff30", ",", "e\u0301t\u00e9", "株", "価", "!"]


def test_words_are_left_out_wherever_they_come_from() -> None:
    tokenizer = train_word_tokenizer(
        ["Anna Schmidt rises", "anna falls"],
        extra_words=["schmidt", "gold"],
        variant_texts=["anna schmidt silver"],
        leave_out_words=["ANNA  Schmidt", "unseen"],
    )
    assert vocabulary(tokenizer)[2:] == ["rises", "falls", "silver", "gold"]
    assert tokenizer.tokenize("Anna rises") == ["[UNK]", "rises"]


def test_split_at_spaces_alone() -> None:
    tokenizer = train_word_tokenizer(["U.S. stocks"], pre_tokenizer="whitespace")
    assert tokenizer.tokenize("u.s. Stocks") == ["u.s.", "stocks"]


def test_components_may_be_given() -> None:
    tokenizer = train_word_tokenizer(
        ["Up-down Up"],
        pre_tokenizer=pre_tokenizers.Split("-", behavior="removed"),
        normalizer=normalizers.Replace(" ", "-"),
    )
    assert vocabulary(tokenizer)[2:] == ["Up", "down"]


def test_batches_are_padded_without_token_types() -> None:
    tokenizer = train_word_tokenizer(["a b c"])
    batch = tokenizer(["a b c", "b"], padding=True)
    assert dict(batch) == {
        "input_ids": [[2, 3, 4], [3, 0, 0]],
        "attention_mask": [[1, 1, 1], [1, 0, 0]],
    }


@pytest.mark.parametrize("loader", [AutoTokenizer, WordTokenizer])
def test_saved_tokenizer_is_the_same(tmp_path: Path, loader: type) -> None:
    text = "Café rose 3.5%!"
    tokenizer = train_word_tokenizer([text])
    tokenizer.save_pretrained(tmp_path)
    loaded = loader.from_pretrained(tmp_path)
    assert loaded.get_vocab() == tokenizer.get_vocab()
    expected = tokenizer(text + " new", return_offsets_mapping=True)
    assert dict(loaded(text + " new", return_offsets_mapping=True)) == dict(expected)


def test_saved_tokenizer_names_a_class_of_every_transformers(tmp_path: Path) -> None:
    train_word_tokenizer(["a"]).save_pretrained(tmp_path / "first")
    WordTokenizer.from_pretrained(tmp_path / "first").save_pretrained(tmp_path / "second")
    for folder in ("first", "second"):
        saved = json.loads((tmp_path / folder / "tokenizer_config.json").read_text("utf-8"))
        assert saved["tokenizer_class"] == "PreTrainedTokenizerFast"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"texts": []}, ValueError, "No word occurs 1 time"),
        ({"texts": ["", "  "]}, ValueError, "No word occurs 1 time"),
        ({"texts": ["a b"], "min_frequency": 2}, ValueError, "hold 2 different word"),
        ({"texts": ["a"], "min_frequency": 0}, ValueError, "min_frequency must be at least 1"),
        ({"texts": ["a"], "max_size": 2}, ValueError, "max_size must be more than 2"),
        ({"texts": ["a b"], "leave_out_words": ["a", "B"]}, ValueError, "2 of them left out"),
        ({"texts": ["a b"], "leave_out_words": "a"}, TypeError, "must be a list of words"),
        ({"texts": ["a b"], "leave_out_words": ["[UNK]"]}, ValueError, "cannot be left out"),
        ({"texts": "one text"}, TypeError, "got one string"),
        ({"texts": ["a", None]}, TypeError, "got NoneType in row 1"),
        ({"texts": ["a"], "pre_tokenizer": "spaces"}, ValueError, "'words', 'whitespace'"),
        ({"texts": ["a"], "normalizer": None}, ValueError, "normalizer must be one of 'lowercase'"),
    ],
)
def test_what_makes_no_vocabulary_is_refused(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        train_word_tokenizer(**arguments)


def test_special_tokens_that_are_written_in_a_text_are_words(tmp_path):
    text = "[PAD] a [UNK][PAD]"
    tokenizer = train_word_tokenizer([text])
    tokenizer.save_pretrained(tmp_path)
    words = ["[", "pad", "]", "a", "[", "unk", "]", "[", "pad", "]"]
    for one in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        assert one.tokenize(text) == words
        encoded = one([text, "a"], padding=True, return_offsets_mapping=True)
        assert encoded["input_ids"][1][1:] == [one.pad_token_id] * 9
        assert encoded["offset_mapping"][0][:3] == [(0, 1), (1, 4), (4, 5)]
    assert one("zebra")["input_ids"] == [one.unk_token_id]


def test_texts_are_cut_at_the_limit_and_padded_to_the_longest():
    tokenizer = train_word_tokenizer(["a b c"])
    tokenizer.model_max_length = 2
    encoding = encode_padded(tokenizer, ["a", "", "a b c"])
    assert encoding["attention_mask"].tolist() == [[1, 0], [0, 0], [1, 1]]
    assert encoding[2].offsets == [(0, 1), (2, 3)]
