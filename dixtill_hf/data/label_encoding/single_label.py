# SPDX-License-Identifier: Apache-2.0
"""One label a text: strings, numbers or class labels brought to one ``ClassLabel`` column."""

import re
from collections.abc import Mapping, Sequence

from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from dixtill_hf.data.columns import GLUE_UNKNOWN, LABEL, LABEL_UNKNOWN
from dixtill_hf.data.label_encoding.checks import (
    INTEGER,
    is_missing,
    natural_order,
    refuse_look_alikes,
    refuse_missing,
    unknown_label,
)

# The label of each text as its name, None if it is missing.
RawLabels = list[str | None]

_WHOLE = re.compile(r"(-?\d+)\.0*")


def encode_single_labels(
    data: DatasetDict, names: Sequence[str] | None = None, unlabelled: bool = False
) -> DatasetDict:
    """Bring the label column of every split to the same ``ClassLabel``.

    A label is named as it is written. If the labels of all splits are whole numbers, ``1``, ``1.0``
    and ``"1"`` are the same label; otherwise ``01`` and ``1.0`` are names like any other. Truth
    values are called ``False`` and ``True``. Labels become ids in their natural order (2 before 10,
    A2 before A10); a ``ClassLabel`` of train keeps its own. Names that are given win: labels are
    matched with them by name; whole numbers that are not among them are indices into them. The
    names of a ``ClassLabel`` are put into their order if they are the same, and replaced, one for
    one, if they are not.

    Args:
        data: The splits; one without a label column is wholly unlabelled.
        names: Names of the labels, in the order wanted.
        unlabelled: Whether a label may be missing (null, an empty cell, or -1 as GLUE has it); it
            becomes ``LABEL_UNKNOWN``. Labels then need not occur in train.

    Returns:
        The splits with the new label column. Without any label and names, it is a plain integer
        column of ``LABEL_UNKNOWN``.

    Raises:
        ValueError: If labels are missing, unknown, or strings that differ only in case or outer
            spaces.
    """
    raw = {split: _raw_labels(dataset, split) for split, dataset in data.items()}
    raw = _same_numbers(raw, _known_names(data["train"].features, names))
    if not unlabelled:
        refuse_missing(raw)
    sources = raw.values() if unlabelled else [raw["train"]]
    found = {label for labels in sources for label in labels if label is not None}
    classes = _classes(data["train"].features, found, names)
    ids = {label: index for index, label in enumerate(classes)}
    feature = ClassLabel(names=list(names or classes)) if classes else Value("int64")
    encoded = {}
    for split, dataset in data.items():
        _refuse_unknown(raw[split], ids, split)
        column = [LABEL_UNKNOWN if label is None else ids[label] for label in raw[split]]
        if LABEL in dataset.column_names:
            dataset = dataset.remove_columns(LABEL)
        encoded[split] = dataset.add_column(LABEL, column, feature=feature)
    return DatasetDict(encoded)


def _raw_labels(dataset: Dataset, split: str) -> RawLabels:
    """The labels of a split by name, as they are written, None if missing."""
    if LABEL not in dataset.column_names:
        return [None] * len(dataset)
    feature, values = dataset.features[LABEL], dataset[LABEL][:]
    if isinstance(feature, ClassLabel):
        values = [value if is_missing(value) else feature.int2str(value) for value in values]
    elif not isinstance(feature, Value):
        raise ValueError(
            f"The labels of split {split!r} are {feature}, and each text has a single label. Name "
            "another column: label_column=..., or another task: "
            "problem_type='multi_label_classification'."
        )
    elif feature.dtype.startswith("float"):
        values = [None if value is None or value != value else repr(value) for value in values]
    elif not feature.dtype.startswith(("string", "large_string", "int", "uint", "bool", "null")):
        raise ValueError(
            f"The labels of split {split!r} are of type {feature.dtype}; strings or integers are "
            "expected. Name another column: label_column=..."
        )
    return [None if is_missing(value) else str(value) for value in values]


def _known_names(train: Features, names: Sequence[str] | None) -> set[str]:
    feature = train.get(LABEL)
    return set(names or (feature.names if isinstance(feature, ClassLabel) else ()))


def _same_numbers(raw: Mapping[str, RawLabels], known: set[str]) -> dict[str, RawLabels]:
    """The labels with whole numbers written in one way, if all labels are whole numbers.

    Args:
        raw: The labels of every split.
        known: Names of labels that are given.
    """
    found = {label for labels in raw.values() for label in labels if label is not None} - known
    if all(INTEGER.fullmatch(_whole(label)) for label in found):
        unknown = (str(GLUE_UNKNOWN), str(LABEL_UNKNOWN))
        written = {label: _whole(label) for label in found if _whole(label) not in unknown}
        written |= {label: label for label in known}
        return {split: [written.get(label or "") for label in raw[split]] for split in raw}
    return dict(raw)


def _whole(label: str) -> str:
    """The label without the zeros of a whole float."""
    match = _WHOLE.fullmatch(label)
    return match[1] if match else label


def _classes(train: Features, found: set[str], names: Sequence[str] | None) -> Sequence[str]:
    """The classes as written in the raw labels, in the order of their ids."""
    feature = train.get(LABEL)
    if isinstance(feature, ClassLabel):
        return _in_order(feature.names, names) if names is not None else feature.names
    if names is None:
        refuse_look_alikes(found)
        return sorted(found, key=natural_order)
    if not found <= set(names) and all(INTEGER.fullmatch(label) for label in found):
        return [str(index) for index in range(len(names))]
    return names


def _in_order(old: list[str], names: Sequence[str]) -> Sequence[str]:
    """The old names in the order of those given, which are the same names or replace them."""
    if set(old) == set(names):
        return names
    kept = set(old) & set(names)
    if len(old) != len(names) or any(old.index(name) != names.index(name) for name in kept):
        raise ValueError(
            f"label_names {list(names)} do not fit the labels of the data, {old}. Give the same "
            "names in the order wanted, or as many other names in the order of the data's."
        )
    return old


def _refuse_unknown(labels: RawLabels, ids: Mapping[str, int], split: str) -> None:
    rows = [row for row, label in enumerate(labels) if label is not None and label not in ids]
    if rows:
        raise unknown_label(split, rows, str(labels[rows[0]]), ids)
