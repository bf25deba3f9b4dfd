# SPDX-License-Identifier: Apache-2.0
"""Parquet files as a stream of texts and labels, read as it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datasets import ClassLabel, IterableDataset, Value, load_dataset

from dixtill_hf.data.columns import LABEL, TEXT
from dixtill_hf.data.conventions import find_label_columns, find_text_column
from dixtill_hf.data.label_column import problem_type_of_column
from dixtill_hf.data.text_pairs import refuse_pairs


def open_text_stream(
    files: Sequence[str], text_column: str | None = None, label_column: str | None = None
) -> IterableDataset:
    """Open Parquet files as a stream with the column `text`, and `label` if there are labels.

    Args:
        files: Paths, patterns or URLs that fsspec knows (`s3://bucket/texts/*.parquet`).
        text_column: Column of the text. Default: the one called text, sentence, tweet or content.
        label_column: Column of the label. Default: the one called label, labels or sentiment, if
            there is one.

    Returns:
        The rows in the order of the files, all other columns too.

    Raises:
        FileNotFoundError: No file is there.
        ValueError: A file is not Parquet, a column is not found, or the texts are pairs.
    """
    others = [name for name in files if not name.endswith(".parquet")]
    if others or not files:
        raise ValueError(
            f"A stream is read from Parquet files, got {others or 'none'}: name *.parquet files, "
            "and convert others with datasets.Dataset.to_parquet."
        )
    stream = load_dataset("parquet", data_files=list(files), split="train", streaming=True)
    stream = stream._resolve_features()
    names = list(stream.features)
    text = find_text_column(names, text_column, "train")
    label = find_label_columns(names, label_column, "train", optional=True)
    refuse_pairs({*names} - {text}, "A stream")
    renamed = {text: TEXT, **dict.fromkeys(label, LABEL)}
    return stream.rename_columns({old: new for old, new in renamed.items() if old != new})


def name_labels(stream: IterableDataset, label_names: Sequence[str]) -> IterableDataset:
    """Give the labels of a stream their names, if they are names or numbers without.

    Args:
        stream: The stream; it may lack the column `label`.
        label_names: Names of the labels, in the order of the logits.

    Raises:
        ValueError: The labels have other names already, or are neither names nor numbers.
    """
    feature: Any = (stream.features or {}).get(LABEL)
    if feature is None:
        return stream
    if isinstance(feature, ClassLabel) and feature.names != list(label_names):
        raise ValueError(
            f"The labels of the stream are {feature.names}, and {list(label_names)} are wanted: "
            "name the same labels in the same order."
        )
    if problem_type_of_column(feature) is not None:
        return stream
    if not isinstance(feature, Value) or not feature.dtype.startswith(("int", "string", "large")):
        raise ValueError(
            f"The column {LABEL!r} of the stream holds {feature}: it must hold the names or the "
            "numbers of labels, lists of class labels, or values (float)."
        )
    return stream.cast_column(LABEL, ClassLabel(names=list(label_names)))
