# SPDX-License-Identifier: Apache-2.0
"""Texts without a label are added to the training texts, and to nothing else."""

import csv
import re

import pytest
from datasets import Dataset, DatasetDict

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.data.loading import add_unlabelled_texts, load_text_classification


@pytest.fixture
def data(tmp_path) -> DatasetDict:
    rows = [(f"text {row}", ("bad", "good")[row % 2]) for row in range(20)]
    for split, part in (("train", rows[:12]), ("validation", rows[12:16]), ("test", rows[16:])):
        write(tmp_path / f"{split}.csv", "text,label", part)
    return load_text_classification(tmp_path)


def write(path, header: str, rows: list[tuple]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return str(path)


def test_new_texts_stand_behind_the_training_texts(data, tmp_path):
    more = ["new a", "text 3", "text 13", "text 18", "new b", "new a"]
    source = write(tmp_path / "more.csv", "tweet,label", [(text, "odd") for text in more])
    added = add_unlabelled_texts(data, source)
    assert added["train"].select(range(12)).to_list() == data["train"].to_list()
    assert added["train"]["text"][12:] == ["new a", "new b"]
    assert added["train"]["label"][12:] == [LABEL_UNKNOWN] * 2
    assert added["train"].features == data["train"].features
    for split in ("validation", "test"):
        assert added[split].to_list() == data[split].to_list()


def test_rationales_are_left_empty(data, tmp_path):
    train = data["train"].add_column("rationale", [[[0, 4]]] * 12)
    source = write(tmp_path / "more.csv", "text", [("new",)])
    added = add_unlabelled_texts(DatasetDict({**data, "train": train}), source)
    assert added["train"][12]["rationale"] is None
    assert added["train"][0]["rationale"] == [[0, 4]]


@pytest.mark.parametrize(
    ("splits", "taken"),
    [(("train", "unsupervised"), "unsupervised"), (("train", "test"), "train"), (("all",), "all")],
)
def test_which_split_serves(data, tmp_path, splits, taken):
    source = DatasetDict({name: Dataset.from_dict({"text": [f"of {name}"]}) for name in splits})
    source.save_to_disk(tmp_path / "saved")
    added = add_unlabelled_texts(data, tmp_path / "saved")
    assert added["train"]["text"][12:] == [f"of {taken}"]


def test_mistakes_are_named(data, tmp_path):
    odd = DatasetDict({name: Dataset.from_dict({"text": ["a"]}) for name in ("one", "two")})
    odd.save_to_disk(tmp_path / "odd")
    with pytest.raises(ValueError, match="one, two, none is called unsupervised"):
        add_unlabelled_texts(data, tmp_path / "odd")
    known = write(tmp_path / "known.csv", "text", [("text 1",), ("text 17",)])
    with pytest.raises(ValueError, match=re.escape(f"All 2 texts of {known} are in the data")):
        add_unlabelled_texts(data, known)
    blank = write(tmp_path / "blank.csv", "text,row", [("new", 0), ("  ", 1)])
    with pytest.raises(ValueError, match=r"blank.csv' has 1 empty or missing texts: row 1"):
        add_unlabelled_texts(data, blank)
    other = write(tmp_path / "other.csv", "words", [("new",)])
    with pytest.raises(ValueError, match=r"other.csv'.*text_column"):
        add_unlabelled_texts(data, other)
    with pytest.raises(FileNotFoundError, match=re.escape("nothing.csv")):
        add_unlabelled_texts(data, tmp_path / "nothing.csv")
