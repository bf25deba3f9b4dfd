# SPDX-License-Identifier: Apache-2.0
"""Data that would spoil a run are refused before it, with the rows or classes that are wrong."""

import logging

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from dixtill_hf.data.checks import (
    check_classes,
    check_texts,
    name_rows,
    warn_of_contradictions,
    warn_of_duplicates,
)


def texts(**splits: list) -> DatasetDict:
    features = Features(text=Value("string"))
    return DatasetDict(
        {
            split: Dataset.from_dict({"text": column}, features=features)
            for split, column in splits.items()
        }
    )


def labels(names: list[str], column: list[int]) -> DatasetDict:
    features = Features(label=ClassLabel(names=names))
    return DatasetDict(train=Dataset.from_dict({"label": column}, features=features))


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([4], "row 4 (counted from 0)"),
        ([0, 7], "rows 0, 7 (counted from 0)"),
        (range(12), "rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more (counted from 0)"),
    ],
)
def test_rows_are_named_up_to_a_limit(rows, named):
    assert name_rows(rows) == named


def test_good_texts_pass():
    check_texts(texts(train=["a", "b"], test=["c"]))


@pytest.mark.parametrize("bad", ["", "  \n", None])
def test_empty_and_missing_texts_name_their_rows(bad):
    with pytest.raises(ValueError, match=r"'test' has 2 empty or missing texts: rows 0, 2 "):
        check_texts(texts(train=["a"], test=[bad, "b", bad]))


def test_a_split_without_rows_is_refused():
    with pytest.raises(ValueError, match="'test' has no rows"):
        check_texts(texts(train=["a"], test=[]))


def test_a_text_column_of_numbers_is_refused():
    with pytest.raises(ValueError, match=r"holds .*int64.*, not strings"):
        check_texts(DatasetDict(train=Dataset.from_dict({"text": [1, 2]})))


def test_all_classes_present_pass():
    check_classes(labels(["a", "b"], [0, 1, 1]))


def test_one_class_only_is_refused():
    with pytest.raises(ValueError, match="All texts of train have the label 'b'"):
        check_classes(labels(["a", "b"], [1, 1]))


def test_a_class_absent_from_train_is_named():
    with pytest.raises(ValueError, match="No text of train has the label 'b'; there are 'a', 'c'"):
        check_classes(labels(["a", "b", "c"], [0, 2]))


def test_texts_that_stand_in_train_too_are_counted(caplog):
    with caplog.at_level(logging.WARNING):
        warn_of_duplicates(
            texts(train=["a", "b", "c"], validation=["d"], test=["b", "b", "e", "a"])
        )
    assert [record.args[:3] for record in caplog.records] == [(3, 4, "test")]


def test_texts_with_different_labels_are_counted(caplog):
    data = DatasetDict(
        {"train": Dataset.from_dict({"text": ["a", "a", "b", "b", "c"], "label": [0, 1, 0, 0, 1]})}
    )
    with caplog.at_level(logging.WARNING):
        warn_of_contradictions(data)
    assert [record.args for record in caplog.records] == [(1,)]


def test_repetition_within_a_split_is_no_duplicate(caplog):
    with caplog.at_level(logging.WARNING):
        warn_of_duplicates(texts(train=["a", "a"], test=["b", "b"]))
    assert not caplog.records
