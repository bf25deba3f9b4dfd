# SPDX-License-Identifier: Apache-2.0
"""Labels of any source (strings, numbers, class labels) brought to one ``ClassLabel`` column."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN

# How GLUE and others mark a text without a label.
GLUE_UNKNOWN = -1

# The label of each text as its name, None if it is missing.
RawLabels = list[str | None]

_INTEGER = re.compile(r"0|-?[1-9]\d*")
_WHOLE = re.compile(r"(-?\d+)\.0*")
_REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_SEVERAL = re.compile(r"[,;|]")


def label_names(data: Dataset | DatasetDict) -> list[str]:
    """Return the names of the labels in the order of their ids.

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
        TypeError: If ``names`` is no list of strings.
        ValueError: If labels are missing, unknown, not one class for each text, or strings that
            differ only in case or outer spaces.
    """
    if names is not None:
        _check_names(names)
    raw = {split: _raw_labels(dataset, split) for split, dataset in data.items()}
    raw = _same_numbers(raw, _known_names(data["train"].features, names))
    if not unlabelled:
        _refuse_missing(raw)
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


def _check_names(names: Sequence[str]) -> None:
    if isinstance(names, str) or not all(isinstance(name, str) and name for name in names):
        raise TypeError(f"label_names must be a list of names, got {names!r}.")
    if len(names) < 2 or len(set(names)) != len(names):
        raise ValueError(f"label_names must be two or more different names, got {list(names)}.")


def _raw_labels(dataset: Dataset, split: str) -> RawLabels:
    """The labels of a split by name, as they are written, None if missing."""
    if LABEL not in dataset.column_names:
        return [None] * len(dataset)
    feature, values = dataset.features[LABEL], dataset[LABEL][:]
    if isinstance(feature, ClassLabel):
        values = [value if _is_missing(value) else feature.int2str(value) for value in values]
    elif not isinstance(feature, Value):
        raise ValueError(
            f"The labels of split {split!r} are {feature}: several labels for one text are not "
            "supported yet, a single one is expected."
        )
    elif feature.dtype.startswith("float"):
        values = [None if value is None or value != value else repr(value) for value in values]
    elif not feature.dtype.startswith(("string", "large_string", "int", "uint", "bool", "null")):
        raise ValueError(
            f"The labels of split {split!r} are of type {feature.dtype}; strings or integers are "
            "expected. Name another column: label_column=..."
        )
    return [None if _is_missing(value) else str(value) for value in values]


def _is_missing(label: str | int | None) -> bool:
    return label is None or label in ("", GLUE_UNKNOWN, LABEL_UNKNOWN)


def _known_names(train: Features, names: Sequence[str] | None) -> set[str]:
    feature = train.get(LABEL)
    return set(names or (feature.names if isinstance(feature, ClassLabel) else ()))


def _same_numbers(raw: Mapping[str, RawLabels], known: set[str]) -> dict[str, RawLabels]:
    """The labels with whole numbers written in one way, if all labels are whole numbers.

    Args:
        raw: The labels of every split.
        known: Names of labels that are given.

    Raises:
        ValueError: All are numbers, but not all are whole; or texts have several labels.
    """
    found = {label for labels in raw.values() for label in labels if label is not None} - known
    _refuse_several(found)
    if all(_INTEGER.fullmatch(_whole(label)) for label in found):
        unknown = (str(GLUE_UNKNOWN), str(LABEL_UNKNOWN))
        written = {label: _whole(label) for label in found if _whole(label) not in unknown}
        written |= {label: label for label in known}
        return {split: [written.get(label or "") for label in raw[split]] for split in raw}
    fraction = next((label for label in sorted(found) if "." in label), None)
    if fraction is not None and all(_REAL.fullmatch(label) for label in found):
        raise ValueError(
            f"The labels are real numbers, such as {fraction}; regression is not supported yet. "
            "If they are classes, write them as words or name them all: label_names=[...]."
        )
    return dict(raw)


def _whole(label: str) -> str:
    """The label without the zeros of a whole float."""
    match = _WHOLE.fullmatch(label)
    return match[1] if match else label


def _refuse_several(found: Iterable[str]) -> None:
    """Refuse labels that are most likely several labels of one text.

    Those are lists, and names joined by a separator each of which is the label of another text.
    """
    parts = {
        label: [part.strip() for part in _SEVERAL.split(label)]
        for label in found
        if _SEVERAL.search(label)
    }
    single = set(found) - set(parts)
    for label in sorted(found):
        is_list = re.fullmatch(r"\[.*\]|\{.*\}", label, re.DOTALL)
        if is_list or (label in parts and single.issuperset(parts[label])):
            raise ValueError(
                f"The label {label!r} seems to be several labels of one text, which are not "
                "supported yet: a single one is expected. If it is one label, name all labels: "
                "label_names=[...]."
            )


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


def _classes(train: Features, found: set[str], names: Sequence[str] | None) -> Sequence[str]:
    """The classes as written in the raw labels, in the order of their ids."""
    feature = train.get(LABEL)
    if isinstance(feature, ClassLabel):
        return _in_order(feature.names, names) if names is not None else feature.names
    if names is None:
        _refuse_look_alikes(found)
        return sorted(found, key=_natural_order)
    if not found <= set(names) and all(_INTEGER.fullmatch(label) for label in found):
        return [str(index) for index in range(len(names))]
    return names


def _natural_order(label: str) -> tuple[list[str | int], str]:
    """A key that orders numbers by their values, and what is between them by its characters."""
    if _INTEGER.fullmatch(label):
        return ["", int(label)], label
    parts: list[str | int] = list(re.split(r"(\d+)", label))
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts, label


def _refuse_look_alikes(found: set[str]) -> None:
    """Refuse labels that were most likely meant to be one."""
    by_key: dict[str, list[str]] = {}
    for label in sorted(found):
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


def _refuse_unknown(labels: RawLabels, ids: Mapping[str, int], split: str) -> None:
    rows = [row for row, label in enumerate(labels) if label is not None and label not in ids]
    if not rows:
        return
    first = labels[rows[0]]
    nearest = difflib.get_close_matches(str(first), ids, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ValueError(
        f"Split {split!r} has {len(rows)} texts whose label is none of "
        f"{', '.join(map(repr, ids))}: {name_rows(rows)}. The first is {first!r}.{hint} Correct "
        "them, or name all labels: label_names=[...]."
    )
