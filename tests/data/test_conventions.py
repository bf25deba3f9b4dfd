# SPDX-License-Identifier: Apache-2.0
"""Splits and columns are found by their usual names, or as told; anything doubtful is an error."""

import pytest
from datasets import Dataset, DatasetDict

from dixtill_hf.data.conventions import (
    find_label_columns,
    find_text_column,
    find_text_columns,
    name_splits,
    split_of,
)


def splits(*names: str) -> DatasetDict:
    """A dataset whose splits each hold their own name."""
    return DatasetDict({name: Dataset.from_dict({"text": [name]}) for name in names})


def origins(data: DatasetDict) -> dict[str, str]:
    return {split: dataset["text"][0] for split, dataset in data.items()}


@pytest.mark.parametrize(
    ("name", "split"),
    [("train", "train"), ("dev", "validation"), ("Valid", "validation"), ("TEST", "test")],
)
def test_usual_split_names(name, split):
    assert split_of(name) == split


def test_an_unusual_split_name_stands_for_nothing():
    assert split_of("unsupervised") is None


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
def test_splits_get_our_names_and_order(name):
    data = name_splits(splits("test", name, "train"))
    assert list(data) == ["train", "validation", "test"]
    assert origins(data) == {"train": "train", "validation": name, "test": "test"}


def test_a_chosen_split_serves_nowhere_else():
    data = name_splits(splits("train", "validation"), {"test": "validation"})
    assert origins(data) == {"train": "train", "test": "validation"}


def test_a_chosen_split_wins_over_the_usual_one():
    data = name_splits(splits("train", "test", "hard"), {"test": "hard"})
    assert origins(data) == {"train": "train", "test": "hard"}


def test_other_splits_are_left_out():
    assert list(name_splits(splits("train", "unsupervised"))) == ["train"]


def test_two_splits_that_could_be_the_same_are_an_error():
    with pytest.raises(ValueError, match="Both 'dev' and 'valid' could be the validation split"):
        name_splits(splits("train", "dev", "valid"))


def test_a_missing_train_split_is_an_error_that_lists_what_exists():
    with pytest.raises(ValueError, match="no train split; the source has 'test', 'extra'"):
        name_splits(splits("test", "extra"))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"tests": "test"}, "names 'tests'; it may name 'train', 'validation', 'test'"),
        ({"test": "holdout"}, "asks for 'holdout' as the test split; the source has 'train'"),
    ],
)
def test_unknown_names_in_splits_are_errors(wanted, message):
    with pytest.raises(ValueError, match=message):
        name_splits(splits("train"), wanted)


@pytest.mark.parametrize("column", ["text", "sentence", "tweet", "content", "Text"])
def test_usual_text_columns(column):
    assert find_text_column(["id", column], None, "train") == column


@pytest.mark.parametrize("column", ["label", "labels", "sentiment", "Sentiment"])
def test_usual_label_columns(column):
    assert find_label_columns(["text", column], None, "train") == [column]


def test_a_named_column_wins():
    assert find_text_column(["text", "headline"], "headline", "train") == "headline"
    assert find_label_columns(["label", "stance"], "stance", "train") == ["stance"]


def test_no_text_column_lists_those_that_exist():
    with pytest.raises(ValueError, match="in split 'test': none of its columns 'id', 'body'"):
        find_text_column(["id", "body"], None, "test")


def test_no_label_column_is_an_error_unless_optional():
    with pytest.raises(ValueError, match=r"No label column found.*unlabelled=True"):
        find_label_columns(["text"], None, "train")
    assert find_label_columns(["text"], None, "train", optional=True) == []


def test_two_columns_that_could_be_meant_are_an_error():
    with pytest.raises(ValueError, match="'tweet', 'text' of split 'train' could each be meant"):
        find_text_column(["tweet", "text"], None, "train")


def test_a_named_column_that_is_not_there_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"no column 'headlin' .*Did you mean 'headline'\?"):
        find_text_column(["headline", "label"], "headlin", "train")


@pytest.mark.parametrize(
    "pair",
    [
        ("sentence1", "sentence2"),
        ("premise", "hypothesis"),
        ("Text", "text_pair"),
        ("text", "Text2"),
        ("text", "text_2"),
        ("text", "hypothesis"),
        ("sentence", "sentence_pair"),
        ("sentence", "question"),
        ("content", "question"),
        ("tweet", "reply"),
    ],
)
def test_pairs_of_texts_are_never_read_by_half(pair):
    for columns in ([*pair, "label"], [*reversed(pair), "label"]):
        with pytest.raises(
            ValueError, match=f"{pair[0]}.*{pair[1]}.*single texts are read here.*text_column"
        ):
            find_text_column(columns, None, "train")
        assert find_text_columns(columns, None, None, "train") == pair


def test_other_columns_make_no_pair():
    columns = ["id", "text", "title", "label_text", "text_length", "author"]
    assert find_text_column(columns, None, "train") == "text"


def test_asking_for_two_text_columns_is_an_error():
    with pytest.raises(TypeError, match="For pairs of texts name two"):
        find_text_column(["a", "b"], ["a", "b"], "train")


def test_one_text_of_a_pair_may_be_named():
    assert find_text_column(["premise", "hypothesis"], "premise", "train") == "premise"


def test_several_label_columns_are_found_in_the_order_asked_for():
    columns = ["text", "joy", "love"]
    assert find_label_columns(columns, ["love", "joy"], "train") == ["love", "joy"]
    with pytest.raises(ValueError, match=r"no column 'jo' .*Did you mean 'joy'"):
        find_label_columns(columns, ["jo", "love"], "train")
    with pytest.raises(ValueError, match="must name different columns"):
        find_label_columns(columns, ["joy", "joy"], "train")
