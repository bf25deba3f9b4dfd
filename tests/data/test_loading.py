# SPDX-License-Identifier: Apache-2.0
"""Data are read, checked and split in one call, whatever they look like at the source."""

import csv
import json
import logging
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.loading import load_text_classification


def write_csv(path: Path, header: str, rows: list[tuple]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return str(path)


def sentences(count: int, name: str = "train") -> list[tuple]:
    """So many different texts of two classes in turn."""
    return [(f"{name} sentence {row}", ("bad", "good")[row % 2]) for row in range(count)]


@pytest.fixture
def files(tmp_path):
    """Files of 40 texts to train on and 10 to test."""
    return {
        "train": write_csv(tmp_path / "train.csv", "sentence,sentiment", sentences(40)),
        "test": write_csv(tmp_path / "test.csv", "sentence,sentiment", sentences(10, "test")),
    }


def test_files_become_three_splits_with_our_columns(files):
    data = load_text_classification(files)
    assert {split: len(dataset) for split, dataset in data.items()} == {
        "train": 36,
        "validation": 4,
        "test": 10,
    }
    features = Features(text=Value("string"), label=ClassLabel(names=["bad", "good"]))
    assert all(dataset.features == features for dataset in data.values())


def test_texts_keep_their_labels(files):
    data = load_text_classification(files)
    for dataset in data.values():
        for row in dataset:
            assert row["label"] == int(row["text"].split()[-1]) % 2


def test_a_second_reading_has_the_same_fingerprints(files):
    first, second = load_text_classification(files), load_text_classification(files)
    assert {s: d._fingerprint for s, d in first.items()} == {
        s: d._fingerprint for s, d in second.items()
    }


def test_a_validation_split_that_exists_is_taken_whole(files, tmp_path):
    rows = sentences(6, "validation")
    files["valid"] = write_csv(tmp_path / "valid.csv", "sentence,sentiment", rows)
    data = load_text_classification(files)
    assert len(data["train"]) == 40
    assert data["validation"]["text"][:] == [text for text, _ in rows]


def test_fraction_and_seed_decide_what_is_held_out(files):
    first, second = (
        load_text_classification(files, validation_fraction=0.25, seed=seed)["validation"]
        for seed in (0, 1)
    )
    assert len(first) == len(second) == 10
    assert first["text"][:] != second["text"][:]


def test_a_validation_split_may_serve_as_test(files, tmp_path):
    files["validation"] = files.pop("test")
    data = load_text_classification(files, splits={"test": "validation"})
    assert len(data["test"]) == 10
    assert len(data["validation"]) == 4


def test_a_missing_test_split_is_an_error_unless_it_is_not_required(files):
    with pytest.raises(ValueError, match=r"no test split, only train\..*test_source"):
        load_text_classification(files["train"])
    data = load_text_classification(files["train"], require_test=False)
    assert set(data) == {"train", "validation"}


def test_test_texts_may_be_held_out_of_train(files):
    data = load_text_classification(files["train"], test_fraction=0.25)
    assert [len(data[split]) for split in ("train", "validation", "test")] == [27, 3, 10]
    texts = [text for split in data.values() for text in split["text"]]
    assert len(set(texts)) == 40
    with pytest.raises(ValueError, match="There is a test split already"):
        load_text_classification(files, test_fraction=0.25)


def test_the_test_split_may_come_from_elsewhere(files, tmp_path):
    for source in (files["test"], {"train": files["train"], "test": files["test"]}):
        data = load_text_classification(files["train"], test_source=source)
        assert data["test"]["text"][0] == "test sentence 0"


def test_a_test_source_of_several_splits_needs_one_called_test(files):
    source = {"train": files["train"], "validation": files["test"]}
    with pytest.raises(ValueError, match="test_source has no test split; it has train, validation"):
        load_text_classification(files["train"], test_source=source)


def test_named_columns_are_used_and_others_dropped(tmp_path):
    rows = [(row, text, "x", label) for row, (text, label) in enumerate(sentences(20))]
    path = write_csv(tmp_path / "a.csv", "id,headline,text,stance", rows)
    data = load_text_classification(path, "headline", "stance", require_test=False)
    assert data["train"].column_names == ["text", "label"]
    assert data["train"]["text"][0].startswith("train sentence")


def test_text_and_label_must_be_two_columns(files):
    with pytest.raises(ValueError, match="both the text and the label"):
        load_text_classification(files, "sentence", "sentence")


def test_rationales_travel_along(tmp_path):
    rows = [
        {"text": text, "label": label, "rationale": [[0, 5]], "id": 1}
        for text, label in sentences(20)
    ]
    (tmp_path / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    data = load_text_classification(tmp_path / "a.json", require_test=False)
    assert data["validation"]["rationale"][:] == [[[0, 5]]] * 2


@pytest.mark.parametrize("names", [None, ["bad", "good"]])
def test_a_saved_result_loads_as_it_was(files, tmp_path, names):
    data = load_text_classification(files)
    data.save_to_disk(tmp_path / "saved")
    again = load_text_classification(str(tmp_path / "saved"), label_names=names)
    assert {s: d.to_list() for s, d in again.items()} == {s: d.to_list() for s, d in data.items()}


def test_empty_csv_cells_are_missing_labels_of_integer_classes(tmp_path):
    rows = [(f"text {row}", row % 2 if row % 4 else "") for row in range(40)]
    path = write_csv(tmp_path / "a.csv", "text,label", rows)
    with pytest.raises(ValueError, match=r"'train' has 10 texts without a label.* rows 0, 4, 8"):
        load_text_classification(path, require_test=False)
    data = load_text_classification(path, unlabelled=True, require_test=False)
    assert set(data["train"]["label"]) == {0, 1, LABEL_UNKNOWN}


def test_text_without_any_label(tmp_path):
    path = write_csv(tmp_path / "a.csv", "text", [(text,) for text, _ in sentences(20)])
    data = load_text_classification(
        path, label_names=["bad", "good"], unlabelled=True, require_test=False
    )
    assert set(data["train"]["label"]) == {LABEL_UNKNOWN}
    assert label_names(data) == ["bad", "good"]
    assert len(data["validation"]) == 2


def test_labels_need_not_occur_in_train_where_text_may_be_unlabelled(files):
    names = ["bad", "good", "mixed"]
    with pytest.raises(ValueError, match="No text of train has the label 'mixed'"):
        load_text_classification(files, label_names=names)
    assert label_names(load_text_classification(files, label_names=names, unlabelled=True)) == names


def test_texts_of_train_in_test_are_warned_of(files, tmp_path, caplog):
    rows = [*sentences(3), *sentences(2, "test")]
    path = write_csv(tmp_path / "t.csv", "sentence,sentiment", rows)
    with caplog.at_level(logging.WARNING):
        load_text_classification({**files, "test": path})
    assert "3 of the 5 texts of split 'test' occur in train too" in caplog.text


def test_the_embedded_corpus_loads_with_its_rationales():
    data = load_text_classification("embedded")
    assert [len(dataset) for dataset in data.values()] == [2700, 300, 600]
    assert label_names(data) == ["bearish", "bullish", "neutral"]
    assert data["train"].column_names == ["text", "label", "rationale"]


def test_saved_data_with_hub_style_unlabelled_test(tmp_path):
    features = Features(sentence=Value("string"), label=ClassLabel(names=["neg", "pos"]))
    rows = [{"sentence": f"text {row}", "label": row % 2} for row in range(20)]
    hidden = [{"sentence": f"test {row}", "label": -1} for row in range(3)]
    dev = [{"sentence": f"dev {row}", "label": row % 2} for row in range(4)]
    DatasetDict(
        train=Dataset.from_list(rows, features=features),
        validation=Dataset.from_list(dev, features=features),
        test=Dataset.from_list(hidden, features=features),
    ).save_to_disk(tmp_path / "glue")
    with pytest.raises(ValueError, match=r"'test' has 3 texts without a label.*splits="):
        load_text_classification(tmp_path / "glue")
    data = load_text_classification(tmp_path / "glue", splits={"test": "validation"})
    assert data["test"]["text"][0] == "dev 0"


def test_further_columns_are_kept_where_they_are_asked_for(tmp_path):
    rows = [(*row, "1 0 0") for row in sentences(40)]
    path = write_csv(tmp_path / "train.csv", "sentence,sentiment,scores", rows)
    data = load_text_classification(path, require_test=False, keep_columns=["scores", "label"])
    assert data["train"].column_names == ["scores", "text", "label"]
    assert set(data["validation"]["scores"]) == {"1 0 0"}
    with pytest.raises(ValueError, match=r"no columns \['marks'\], only sentence"):
        load_text_classification(path, require_test=False, keep_columns=["marks"])


def test_several_labels_a_text_are_split_by_their_rarest_label(tmp_path):
    moods = ["joy", "love", "joy,love", "fear"]
    rows = [(f"text {row}", moods[row % 4]) for row in range(80)]
    source = write_csv(tmp_path / "train.csv", "text,label", rows)
    data = load_text_classification(source, test_fraction=0.25)
    assert label_names(data) == ["fear", "joy", "love"]
    assert len(data["test"]) == 20
    assert sum(labels == [0] for labels in data["test"]["label"]) == 5


def test_one_column_a_label(tmp_path):
    rows = [(f"text {row}", row % 2, int(row % 3 == 0)) for row in range(40)]
    source = write_csv(tmp_path / "train.csv", "text,joy,love", rows)
    data = load_text_classification(source, label_column=["love", "joy"], test_fraction=0.2)
    assert label_names(data) == ["love", "joy"]
    row = next(row for row in data["train"] if row["text"] == "text 3")
    assert row["label"] == [0, 1]


def test_numbers_are_split_by_tenths_and_must_differ(tmp_path):
    rows = [(f"text {row}", row / 40) for row in range(41)]
    source = write_csv(tmp_path / "train.csv", "text,label", rows)
    data = load_text_classification(source, test_fraction=0.25)
    assert data["train"].features["label"] == Value("float32")
    assert min(data["test"]["label"]) < 0.2 < 0.8 < max(data["test"]["label"])
    same = write_csv(tmp_path / "same.csv", "text,label", [(f"t {row}", 0.5) for row in range(20)])
    with pytest.raises(ValueError, match="the same value of 'score'"):
        load_text_classification(same, test_fraction=0.25)
