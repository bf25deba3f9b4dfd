# SPDX-License-Identifier: Apache-2.0
"""What must hold of a dataset, its rationales included, before anything is computed from it."""

import logging
from collections.abc import Sequence

import numpy as np
from datasets import Dataset, DatasetDict, List, Value
from numpy.typing import NDArray

from dixtill_hf.data.columns import LABEL, RATIONALE, TEXT
from dixtill_hf.data.label_column import label_array, problem_type_of_column
from dixtill_hf.data.text_pairs import text_columns, texts_of

logger = logging.getLogger(__name__)

ROWS_SHOWN = 10
RATIONALE_FEATURE = List(List(Value("int32")))
Spans = list[list[int]]


def name_rows(rows: Sequence[int]) -> str:
    """The first rows by number, counted from 0, and how many more there are."""
    shown = ", ".join(str(row) for row in rows[:ROWS_SHOWN])
    more = f" and {len(rows) - ROWS_SHOWN} more" if len(rows) > ROWS_SHOWN else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {shown}{more} (counted from 0)"


def check_texts(data: DatasetDict) -> None:
    """Every split has texts, and none of them is missing, empty or blank.

    Raises:
        ValueError: If not; names the split and its rows.
    """
    for split, dataset in data.items():
        if len(dataset) == 0:
            raise ValueError(f"Split {split!r} has no rows.")
        for column in text_columns(dataset.column_names):
            _check_column(dataset, split, column)


def _check_column(dataset: Dataset, split: str, column: str) -> None:
    """Refuse a column of texts that holds anything else, or texts without a word."""
    feature, second = dataset.features[column], " second" if column != TEXT else ""
    if not isinstance(feature, Value) or feature.dtype not in ("string", "large_string"):
        raise ValueError(
            f"The{second} text column of split {split!r} holds {feature}, not strings. Name "
            f"another: {column}_column=..."
        )
    rows = [row for row, text in enumerate(dataset[column]) if not (text and text.strip())]
    if rows:
        raise ValueError(
            f"Split {split!r} has {len(rows)} empty or missing{second} texts: {name_rows(rows)}. "
            "Remove or fill them."
        )


def check_classes(data: DatasetDict) -> None:
    """Train has texts of different labels, and of every label that is named.

    Raises:
        ValueError: If not; names the labels.
    """
    train = data["train"]
    problem = problem_type_of_column(train.features[LABEL])
    if problem is None:
        return
    names = problem.names(train.features[LABEL]) or []
    labels = label_array(train, problem, len(names))
    if not problem.is_classification:
        _check_values(labels, names)
        return
    if labels.ndim == 1:
        counts = np.bincount(labels[labels >= 0], minlength=len(names))
    else:
        counts = np.nansum(labels, axis=0)
    present = [name for name, count in zip(names, counts, strict=True) if count]
    if len(present) < 2 and labels.ndim == 1:
        raise ValueError(
            f"All texts of train have the label {present[0]!r}; a classifier needs texts of at "
            "least two labels."
        )
    absent = [repr(name) for name in names if name not in present]
    if absent:
        raise ValueError(
            f"No text of train has the label {', '.join(absent)}; there are "
            f"{', '.join(map(repr, present))}. Add such texts to train, or take the "
            "label out of the data."
        )


def _check_values(values: NDArray, names: Sequence[str]) -> None:
    """Refuse values of a regression that are all the same."""
    for name, column in zip(names, values.T, strict=True):
        if len(np.unique(column)) < 2:
            raise ValueError(
                f"All texts of train have the same value of {name!r}: there is nothing to learn."
            )


def warn_of_contradictions(data: DatasetDict) -> None:
    """Log a warning with the count of texts that occur in train with different labels."""
    labels_of: dict[str, set[str]] = {}
    for text, label in zip(texts_of(data["train"]), data["train"][LABEL], strict=True):
        labels_of.setdefault(text, set()).add(repr(label))
    count = sum(len(labels) > 1 for labels in labels_of.values())
    if count:
        logger.warning("%d texts occur in train several times, with different labels.", count)


def warn_of_duplicates(data: DatasetDict) -> None:
    """Log a warning with the count for every other split with texts that also occur in train."""
    train = set(texts_of(data["train"]))
    for split, dataset in data.items():
        count = sum(text in train for text in texts_of(dataset))
        if split != "train" and count:
            logger.warning(
                "%d of the %d texts of split %r occur in train too, so its figures flatter the "
                "model. Remove them from one of the two.",
                count,
                len(dataset),
                split,
            )


def check_rationales(data: DatasetDict) -> DatasetDict:
    """Bring the rationales of every split that has them to lists of int32 [start, end) pairs.

    A column of that name that holds anything else, such as an explanation in words, is left out
    with a warning. A missing rationale (null) stays missing.

    Raises:
        ValueError: If a span does not lie inside its text; names the rows.
    """
    return DatasetDict({split: _check_split(dataset, split) for split, dataset in data.items()})


def _check_split(dataset: Dataset, split: str) -> Dataset:
    if RATIONALE not in dataset.column_names:
        return dataset
    feature = dataset.features[RATIONALE]
    rationales = dataset[RATIONALE][:]
    dataset = dataset.remove_columns(RATIONALE)
    if not _holds_spans(feature):
        logger.warning(
            "The column %r of split %r is left out: it holds %s, not lists of [start, end) "
            "character pairs.",
            RATIONALE,
            split,
            feature,
        )
        return dataset
    texts = texts_of(dataset)
    rows = [row for row, text in enumerate(texts) if not _inside(rationales[row], text)]
    if rows:
        raise ValueError(
            f"Split {split!r} has {len(rows)} texts whose {RATIONALE} is not made of [start, end) "
            f"pairs with 0 <= start < end <= length of the text: {name_rows(rows)}."
        )
    return dataset.add_column(RATIONALE, rationales, feature=RATIONALE_FEATURE)


def _holds_spans(feature: object) -> bool:
    if not isinstance(feature, List) or not isinstance(feature.feature, List):
        return False
    inner = feature.feature.feature
    return isinstance(inner, Value) and inner.dtype.startswith(("int", "uint"))


def _inside(spans: Spans | None, text: str) -> bool:
    return all(len(span) == 2 and 0 <= span[0] < span[1] <= len(text) for span in spans or [])
