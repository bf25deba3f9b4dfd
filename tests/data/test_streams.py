# SPDX-License-Identifier: Apache-2.0
"""Parquet files are read as a stream of texts and labels."""

import pytest
from datasets import ClassLabel, Dataset, Sequence, Value

from dixtill_hf.data.streams import name_labels, open_text_stream

NAMES = ["bearish", "bullish"]


def _stream(path, **columns):
    Dataset.from_dict(columns).to_parquet(path / "some.parquet")
    return open_text_stream([str(path / "*.parquet")])


def test_usual_columns_are_found_and_renamed(tmp_path):
    stream = _stream(
        tmp_path, Sentence=["rises", "falls"], sentiment=["bullish", "bearish"], n=[1, 2]
    )
    assert list(stream)[1] == {"text": "falls", "label": "bearish", "n": 2}
    named = name_labels(stream, NAMES)
    assert named.features["label"] == ClassLabel(names=NAMES)
    assert [row["label"] for row in named] == [1, 0]


def test_numbers_get_names_and_texts_may_lack_labels(tmp_path):
    stream = _stream(tmp_path, text=["rises", "falls"], label=[1, 0])
    assert [row["label"] for row in name_labels(stream, NAMES)] == [1, 0]
    plain = stream.remove_columns("label")._resolve_features()
    assert name_labels(plain, NAMES) is plain


def test_labels_that_say_what_they_are_stay(tmp_path):
    for feature in (ClassLabel(names=NAMES), Sequence(ClassLabel(names=NAMES)), Value("float32")):
        labels = [[0], [1]] if isinstance(feature, Sequence) else [0, 1]
        data = Dataset.from_dict({"text": ["a", "b"], "label": labels}).cast_column(
            "label", feature
        )
        data.to_parquet(tmp_path / "some.parquet")
        stream = open_text_stream([str(tmp_path / "some.parquet")])
        assert name_labels(stream, NAMES) is stream


def test_labels_that_do_not_fit_are_refused(tmp_path):
    data = Dataset.from_dict({"text": ["a"], "label": [0]})
    other = data.cast_column("label", ClassLabel(names=NAMES[::-1])).to_iterable_dataset()
    with pytest.raises(ValueError, match="same order"):
        name_labels(other, NAMES)
    dates = Dataset.from_dict({"text": ["a"], "label": [True]}).to_iterable_dataset()
    with pytest.raises(ValueError, match="must hold the names"):
        name_labels(dates, NAMES)


def test_other_files_are_refused():
    with pytest.raises(ValueError, match=r"got \['texts.csv'\]"):
        open_text_stream(["a.parquet", "texts.csv"])
