# SPDX-License-Identifier: Apache-2.0
"""Labels of any source (strings, integers, class labels) brought to one ``ClassLabel`` column."""

import difflib
from collections.abc import Mapping, Sequence

from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN

# How GLUE and others mark a text without a label.
GLUE_UNKNOWN = -1

RawLabels = list[str | int | None]


def label_names(data: Dataset | DatasetDict) -> list[str]:
    """Names of the labels, in the order of their ids, of a dataset or of its train split.

    Raises:
        ValueError: If the labels have no names, as in a dataset of unlabelled text.
    """
    dataset = data["train"] if isinstance(data, DatasetDict) else data
    feature = dataset.features.get(LABEL)
    if not isinstance(feature, ClassLabel):
        raise ValueError(
            f"The column {LABEL!r} holds {feature}, not class labels, so the labels have no names. "
            "Load the data with label_names=[...]."
        )
    return list(feature.names)


def encode_labels(
    data: DatasetDict, names: Sequence[str] | None = None, unlabelled: bool = False
) -> DatasetDict:
    """Bring the label column of every split to the same ``ClassLabel``.

    Labels that are strings become ids in the alphabetical order of train's labels, integers keep
    their order (the smallest becomes 0), and a ``ClassLabel`` keeps its own. Names that are given
    win: strings are matched to them, integers are indices into them. The names of a
    ``ClassLabel`` are put into their order if they are the same, and replaced, one for one, if
    they are not.

    Args:
        data: The splits; one without a label column is wholly unlabelled.
        names: Names of the labels, in the order wanted.
        unlabelled: Whether a label may be missing (null, an empty cell, or -1 as GLUE has it); it
            becomes ``LABEL_UNKNOWN``. Labels then need not occur in train.

    Returns:
        The splits with the new label column. Where neither a label nor names are given, it is a
        plain integer column of ``LABEL_UNKNOWN``.

    Raises:
        TypeError: If ``names`` is no list of strings.
        ValueError: If labels are missing, unknown, not one class for each text, or strings that
            differ only in case or outer spaces.
    """
    if names is not None:
        _check_names(names)
    raw = {split: _raw_labels(dataset, split) for split, dataset in data.items()}
    if not unlabelled:
        _refuse_missing(raw)
    sources = raw.values() if unlabelled else [raw["train"]]
    found = {label for labels in sources for label in labels if label is not None}
    classes = _classes(data["train"].features, found, names)
    ids: dict[str | int | None, int] = {label: index for index, label in enumerate(classes)}
    feature = ClassLabel(names=[str(c) for c in names or classes]) if classes else Value("int64")
    encoded = {}
    for split, dataset in data.items():
        _refuse_unknown(raw[split], ids, split)
        column = [LABEL_UNKNOWN if label is None else ids[label] for label in raw[split]]
        if LABEL in dataset.column_names:
            dataset = dataset.remove_columns(LABEL)
        encoded[split] = dataset.add_column(LABEL, column, feature=feature)
    return DatasetDict(encoded)


def _check_names(names: Sequence[str]) -> None:
    if isinstance(names, str) or not all(isinstance(name, str) and name for name in names):
        raise TypeError(f"label_names must be a list of names, got {names!r}.")
    if len(names) < 2 or len(set(names)) != len(names):
        raise ValueError(f"label_names must be two or more different names, got {list(names)}.")


def _raw_labels(dataset: Dataset, split: str) -> RawLabels:
    """The labels of a split as names or integers, None where missing."""
    if LABEL not in dataset.column_names:
        return [None] * len(dataset)
    feature, values = dataset.features[LABEL], dataset[LABEL][:]
    if isinstance(feature, ClassLabel):
        return [None if _is_missing(value) else feature.int2str(value) for value in values]
    if not isinstance(feature, Value):
        raise ValueError(
            f"The labels of split {split!r} are {feature}: several labels for one text are not "
            "supported, a single one is expected."
        )
    if feature.dtype.startswith("float"):
        values = _whole_numbers(values, split)
    elif not feature.dtype.startswith(("string", "large_string", "int", "uint", "bool", "null")):
        raise ValueError(
            f"The labels of split {split!r} are of type {feature.dtype}; strings or integers are "
            "expected. Name another column: label_column=..."
        )
    elif feature.dtype == "bool":
        values = [None if value is None else int(value) for value in values]
    return [None if _is_missing(value) else value for value in values]


def _is_missing(label: str | int | None) -> bool:
    return label in (None, "", GLUE_UNKNOWN, LABEL_UNKNOWN)


def _whole_numbers(values: list[float | None], split: str) -> list[int | None]:
    """Integers that reading a CSV file made floats of because some cells are empty."""
    if None not in values or not all(value is None or value.is_integer() for value in values):
        raise ValueError(
            f"The labels of split {split!r} are real numbers; regression is not supported. Give "
            "classes as strings or integers."
        )
    return [None if value is None else int(value) for value in values]


def _refuse_missing(raw: Mapping[str, RawLabels]) -> None:
    for split, labels in raw.items():
        rows = [row for row, label in enumerate(labels) if label is None]
        if rows:
            raise ValueError(
                f"Split {split!r} has {len(rows)} texts without a label (empty, null or "
                f"{GLUE_UNKNOWN}): {name_rows(rows)}. Label or remove them, let another split "
                "serve with splits={...}, or pass unlabelled=True to distil text without labels. "
                f"Where {GLUE_UNKNOWN} is a class of its own, write the classes as words."
            )


def _classes(
    train: Features, found: set[str | int], names: Sequence[str] | None
) -> Sequence[str | int]:
    """The classes as they stand in the raw labels, in the order of their ids."""
    feature = train.get(LABEL)
    if isinstance(feature, ClassLabel):
        return _in_order(feature.names, names) if names is not None else feature.names
    if names is None:
        _refuse_look_alikes(found)
        return sorted(found)
    return range(len(names)) if any(isinstance(label, int) for label in found) else names


def _refuse_look_alikes(found: set[str | int]) -> None:
    """Refuse labels that were most likely meant to be one."""
    by_key: dict[str, list[str]] = {}
    for label in sorted(map(str, found)):
        by_key.setdefault(label.strip().casefold(), []).append(label)
    alike = [", ".join(map(repr, labels)) for labels in by_key.values() if len(labels) > 1]
    if alike:
        raise ValueError(
            f"Some labels differ only in case or outer spaces: {'; '.join(alike)}. Write them "
            "alike, or name all labels if they are meant to differ: label_names=[...]."
        )


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


def _refuse_unknown(labels: RawLabels, ids: Mapping[str | int | None, int], split: str) -> None:
    rows = [row for row, label in enumerate(labels) if label is not None and label not in ids]
    if not rows:
        return
    first = labels[rows[0]]
    nearest = difflib.get_close_matches(str(first), [str(label) for label in ids], n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(
        f"Split {split!r} has {len(rows)} texts whose label is none of "
        f"{', '.join(map(repr, ids))}: {name_rows(rows)}. The first is {first!r}.{hint} Correct "
        "them, or name all labels: label_names=[...]."
    )
