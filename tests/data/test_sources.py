# SPDX-License-Identifier: Apache-2.0
"""Every kind of source gives its own splits and columns; what cannot be read says why."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict
from datasets.exceptions import DatasetNotFoundError

from dixtill_hf.data import sources
from dixtill_hf.data.sources import read_source

ROWS = [
    {"text": 'Profit "up", costs down', "label": "good"},
    {"text": "NA", "label": "None"},
    {"text": "Erträge fallen; 3,5 % weniger", "label": "bad"},
]


def write(path: Path) -> Path:
    """The rows as a file of the kind that its suffix says."""
    separator = "\t" if path.suffix == ".tsv" else ","
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(ROWS), encoding="utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    else:
        quoted = [[f'"{value}"' for value in row.values()] for row in ROWS]
        quoted[0][0] = '"Profit ""up"", costs down"'
        lines = [separator.join(cells) for cells in [["text", "label"], *quoted]]
        path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_one_file_of_each_kind_is_train(suffix, tmp_path):
    data = read_source(write(tmp_path / f"rows{suffix}"))
    assert list(data) == ["train"]
    assert data["train"].to_list() == ROWS


def test_a_mapping_of_files_may_mix_kinds(tmp_path):
    files = {"train": write(tmp_path / "a.csv"), "dev": str(write(tmp_path / "b.parquet"))}
    data = read_source(files)
    assert {split: dataset.to_list() for split, dataset in data.items()} == {
        "train": ROWS,
        "dev": ROWS,
    }


def test_a_directory_gives_the_files_that_are_named_after_splits(tmp_path):
    for name in ("train.jsonl", "dev.tsv", "notes.csv"):
        write(tmp_path / name)
    assert set(read_source(tmp_path)) == {"train", "dev"}


@pytest.mark.parametrize("kind", [Dataset, DatasetDict])
def test_a_saved_dataset_is_read_without_its_format(kind, tmp_path):
    dataset = Dataset.from_list(ROWS).with_format("numpy")
    saved = dataset if kind is Dataset else DatasetDict(train=dataset)
    saved.save_to_disk(tmp_path / "saved")
    data = read_source(str(tmp_path / "saved"))
    assert data["train"].to_list() == ROWS
    assert data["train"].format["type"] is None


def test_the_embedded_corpus_is_a_source():
    assert set(read_source("embedded")) == {"train", "test"}


def test_a_home_directory_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "rows.csv")
    assert len(read_source("~/rows.csv")["train"]) == len(ROWS)


def test_a_missing_file_suggests_the_nearest(tmp_path):
    write(tmp_path / "train.csv")
    with pytest.raises(FileNotFoundError, match=r"trian\.csv \(did you mean train\.csv\?\)"):
        read_source(tmp_path / "trian.csv")


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nor a directory"):
        read_source(tmp_path / "nowhere" / "train.csv")


def test_a_file_of_another_kind_lists_the_kinds(tmp_path):
    (tmp_path / "rows.xlsx").write_bytes(b"")
    with pytest.raises(ValueError, match=r"\.csv, \.tsv, \.json, \.jsonl, \.parquet"):
        read_source(tmp_path / "rows.xlsx")


def test_a_directory_without_splits_lists_what_it_holds(tmp_path):
    write(tmp_path / "rows.csv")
    with pytest.raises(FileNotFoundError, match=r"it holds: rows\.csv"):
        read_source(tmp_path)


def test_two_files_for_a_split_are_an_error(tmp_path):
    write(tmp_path / "train.csv")
    write(tmp_path / "train.json")
    with pytest.raises(ValueError, match=r"two files for the split 'train': train\.csv and"):
        read_source(tmp_path)


def test_the_suffix_may_be_in_capitals(tmp_path):
    path = write(tmp_path / "train.csv").rename(tmp_path / "train.CSV")
    assert read_source(path)["train"].to_list() == ROWS
    assert set(read_source(tmp_path)) == {"train"}


def test_datasets_in_memory_are_sources():
    dataset = Dataset.from_list(ROWS)
    assert read_source(dataset)["train"].to_list() == ROWS
    assert read_source(DatasetDict(test=dataset))["test"].to_list() == ROWS


def test_other_objects_are_no_source():
    with pytest.raises(TypeError, match="source is a int; give a path"):
        read_source(3)


def test_datasets_in_memory_are_sources_and_no_files():
    given = Dataset.from_list(ROWS)
    assert read_source(given)["train"].to_list() == ROWS
    assert read_source(DatasetDict(train=given))["train"].to_list() == ROWS
    with pytest.raises(TypeError, match="Split 'train' is a Dataset"):
        read_source({"train": given})


def test_a_hub_id_goes_to_datasets_with_its_configuration(monkeypatch):
    asked = []

    def load(*arguments):
        asked.append(arguments)
        return DatasetDict(train=Dataset.from_list(ROWS))

    monkeypatch.setattr(sources, "load_dataset", load)
    assert read_source("nyu-mll/glue", "sst2")["train"].to_list() == ROWS
    assert asked == [("nyu-mll/glue", "sst2")]


def test_without_a_network_the_error_says_what_is_missing():
    with pytest.raises(ConnectionError, match=r"'someone/some-dataset' is no path here.*cannot be"):
        read_source("someone/some-dataset")


def test_a_dataset_that_the_hub_does_not_have_is_not_found(monkeypatch):
    def load(name, config_name):
        raise DatasetNotFoundError(name)

    monkeypatch.setattr(sources, "load_dataset", load)
    with pytest.raises(FileNotFoundError, match="neither a path here nor a dataset"):
        read_source("someone/some-dataset")


def test_a_configuration_is_for_the_hub_alone(tmp_path):
    with pytest.raises(ValueError, match="config_name 'sst2' is for Hub datasets"):
        read_source(write(tmp_path / "rows.csv"), "sst2")
