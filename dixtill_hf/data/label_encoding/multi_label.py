# SPDX-License-Identifier: Apache-2.0
"""Several labels a text: lists, joined names or one column a label, brought to one column."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import ClassLabel, Dataset, DatasetDict

from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.label_encoding.checks import (
    INTEGER,
    is_missing,
    natural_order,
    refuse_look_alikes,
    refuse_missing,
    unknown_label,
)
from dixtill_hf.data.problem_types import MULTI_LABEL, PROBLEM_TYPES

# The labels of each text as names, None if they are missing.
RawLabels = list[tuple[str, ...] | None]

SEPARATORS = re.compile(r"[,;|]")
LIST = re.compile(r"\s*[\[{].*[\]}]\s*", re.DOTALL)

_TRUTH = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


def truth_value(value: Any) -> bool | None:
    """Whether a text has a label, from a cell of the label's own column; None if it says neither.

    Args:
        value: 0 and 1, True and False, as numbers or words.
    """
    return _TRUTH.get(str(value).strip().lower())


def encode_multi_labels(
    data: DatasetDict, names: Sequence[str] | None = None, unlabelled: bool = False
) -> DatasetDict:
    """Bring the label column of every split to a list of the same ``ClassLabel``.

    The labels of a text are a list, a cell of names with a comma, semicolon or vertical bar between
    them, a list in JSON or Python, or columns of 0 and 1 that carry the labels' names. An empty
    list says that a text has none of the labels; an empty cell, that nothing is known.

    Args:
        data: The splits; one without a label column is wholly unlabelled.
        names: Names of the labels, in the order wanted. Whole numbers that are not among them are
            indices into them.
        unlabelled: Whether labels may be missing. They then need not occur in train.

    Returns:
        The splits with the new label column.

    Raises:
        ValueError: If labels are missing, unknown, cannot be read, or differ only in case or outer
            spaces; or if there is no label at all.
    """
    raw = {split: _raw_labels(dataset, split) for split, dataset in data.items()}
    if not unlabelled:
        refuse_missing(raw)
    known = list(names or _known_names(data["train"]))
    raw = _names_of_numbers(raw, known) if names else raw
    if not known:
        sources = raw.values() if unlabelled else [raw["train"]]
        found = {name for labels in sources for text in labels for name in text or ()}
        refuse_look_alikes(found)
        known = sorted(found, key=natural_order)
    if not known:
        raise ValueError(
            "No text has a label, and the labels have no names: name them, label_names=[...]."
        )
    ids = {name: index for index, name in enumerate(known)}
    feature = PROBLEM_TYPES[MULTI_LABEL].feature(known)
    encoded = {}
    for split, dataset in data.items():
        _refuse_unknown(raw[split], ids, split)
        column = [None if text is None else sorted({ids[n] for n in text}) for text in raw[split]]
        if LABEL in dataset.column_names:
            dataset = dataset.remove_columns(LABEL)
        encoded[split] = dataset.add_column(LABEL, column, feature=feature)
    return DatasetDict(encoded)


def split_names(cell: str) -> tuple[str, ...]:
    """The names in a cell: a list in JSON or Python, or names with separators between them.

    Raises:
        ValueError: It looks like a list, and is none.
    """
    if not LIST.fullmatch(cell):
        parts = [part.strip() for part in SEPARATORS.split(cell)]
        return tuple(part for part in parts if part)
    try:
        found = json.loads(cell)
    except json.JSONDecodeError:
        try:
            found = ast.literal_eval(cell.strip())
        except (ValueError, SyntaxError) as error:
            raise ValueError(f"{cell[:80]!r} is neither a list in JSON nor in Python.") from error
    if not isinstance(found, list | set | tuple):
        raise ValueError(f"{cell[:80]!r} is no list of labels.")
    return tuple(_name(one) for one in sorted(found, key=str))


def _raw_labels(dataset: Dataset, split: str) -> RawLabels:
    """The labels of a split by name, as they are written, None if missing."""
    if LABEL not in dataset.column_names:
        return [None] * len(dataset)
    feature, values = dataset.features[LABEL], dataset.with_format(None)[LABEL][:]
    named = feature if isinstance(feature, ClassLabel) else getattr(feature, "feature", None)
    raw: RawLabels = []
    for row, value in enumerate(values):
        try:
            raw.append(_labels_of(value, named if isinstance(named, ClassLabel) else None))
        except ValueError as error:
            raise ValueError(
                f"The labels in row {row} of split {split!r} (counted from 0) cannot be read: "
                f"{error} Write a list, names with commas between them, or one column of 0 and 1 "
                "for each label."
            ) from error
    return raw


def _labels_of(value: Any, named: ClassLabel | None) -> tuple[str, ...] | None:
    if isinstance(value, dict):
        truth = {name: truth_value(cell) for name, cell in value.items()}
        unclear = [name for name, one in truth.items() if one is None]
        if all(is_missing(value[name]) for name in unclear):
            return None if unclear else tuple(name for name, one in truth.items() if one)
        raise ValueError(f"the column {unclear[0]!r} holds {value[unclear[0]]!r}, not 0 or 1.")
    if isinstance(value, list):
        return tuple(_name(one, named) for one in value)
    if is_missing(value):
        return None
    return split_names(value) if isinstance(value, str) else (_name(value, named),)


def _name(label: Any, named: ClassLabel | None = None) -> str:
    if label is None or isinstance(label, dict | list):
        raise ValueError(f"{label!r} is no label.")
    if named is not None:
        return named.int2str(label)
    whole = isinstance(label, float) and label.is_integer()
    return str(int(label) if whole else label).strip()


def _known_names(train: Dataset) -> Sequence[str]:
    """Names that the source has for the labels: those of a ``ClassLabel``, or of columns."""
    feature = train.features.get(LABEL)
    if isinstance(feature, dict):
        return list(feature)
    if isinstance(feature, ClassLabel):
        return feature.names
    return PROBLEM_TYPES[MULTI_LABEL].names(feature) or ()


def _names_of_numbers(raw: Mapping[str, RawLabels], names: Sequence[str]) -> dict[str, RawLabels]:
    """Labels by name, if all that are not names are indices into the names."""
    found = {name for labels in raw.values() for text in labels for name in text or ()}
    others = found - set(names)
    within = [name for name in others if INTEGER.fullmatch(name) and 0 <= int(name) < len(names)]
    if len(within) < len(others):
        return dict(raw)
    return {
        split: [
            text and tuple(names[int(name)] if name in others else name for name in text)
            for text in labels
        ]
        for split, labels in raw.items()
    }


def _refuse_unknown(labels: RawLabels, ids: Mapping[str, int], split: str) -> None:
    bad = [(row, name) for row, text in enumerate(labels) for name in text or () if name not in ids]
    if bad:
        raise unknown_label(split, sorted({row for row, _ in bad}), bad[0][1], ids)
