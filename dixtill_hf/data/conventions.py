# SPDX-License-Identifier: Apache-2.0
"""Which split and which column of a source is which, by the names that are usual or as told."""

import difflib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence

from datasets import DatasetDict

logger = logging.getLogger(__name__)

SPLIT_NAMES = {
    "train": ("train",),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test",),
}
TEXT_NAMES = ("text", "sentence", "tweet", "content")
LABEL_NAMES = ("label", "labels", "sentiment")
PAIR_NAMES = (
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("text_a", "text_b"),
    ("text1", "text2"),
)
# Next to a text column, one of these is a second text, and so is that column's name with an ending.
SECOND_TEXT_NAMES = (
    *("hypothesis", "premise", "question", "query", "answer", "context", "passage"),
    *("reply", "response"),
)
SECOND_TEXT_ENDINGS = ("2", "_2", "_b", "_pair")


def split_of(name: str) -> str | None:
    """The split (``train``, ``validation``, ``test``) that a name usually means, or None."""
    for split, names in SPLIT_NAMES.items():
        if name.casefold() in names:
            return split
    return None


def name_splits(data: DatasetDict, splits: Mapping[str, str] | None = None) -> DatasetDict:
    """Bring a source's splits to the names train, validation and test; leave out all others.

    Args:
        data: The splits as the source names them.
        splits: For any of ``train``, ``validation`` and ``test``, the source's split to take. A
            split that is taken so serves nowhere else.

    Returns:
        The splits found, of which ``train`` is always one.

    Raises:
        ValueError: If a name in ``splits`` is unknown, if several of the source's splits could be
            the same one, or if there is no train split.
    """
    chosen = dict(splits or {})
    _check_chosen(chosen, data)
    for name in data:
        split = split_of(name)
        if split is None or name in chosen.values() or split in (splits or {}):
            continue
        if split in chosen:
            raise ValueError(
                f"Both {chosen[split]!r} and {name!r} could be the {split} split. Choose one: "
                f"splits={{{split!r}: {name!r}}}."
            )
        chosen[split] = name
    if "train" not in chosen:
        raise ValueError(
            f"There is no train split; the source has {_list(data)}. Say which to train on: "
            'splits={"train": "..."}.'
        )
    unused = [name for name in data if name not in chosen.values()]
    if unused:
        logger.info("Splits that are not used: %s.", _list(unused))
    return DatasetDict({split: data[chosen[split]] for split in SPLIT_NAMES if split in chosen})


def _check_chosen(chosen: Mapping[str, str], data: DatasetDict) -> None:
    for split, name in chosen.items():
        if split not in SPLIT_NAMES:
            raise ValueError(f"splits names {split!r}; it may name {_list(SPLIT_NAMES)}.")
        if name not in data:
            raise ValueError(
                f"splits asks for {name!r} as the {split} split; the source has {_list(data)}."
            )


def find_text_column(columns: list[str], wanted: str | None, split: str) -> str:
    """The column of a split of single texts: the one wanted, else the one with a usual name.

    Raises:
        ValueError: If it is not there, if several are, or if the columns are those of text pairs.
    """
    if wanted is None:
        _refuse_pairs(columns, split)
    return _find_text_column(columns, wanted, split)


def find_text_columns(
    columns: list[str], wanted: str | None, wanted_pair: str | None, split: str
) -> tuple[str, str | None]:
    """The columns of a split that hold the text and, if texts are pairs, the second text.

    Args:
        columns: Names of all columns.
        wanted: Column of the text; only with it and without `wanted_pair`, texts are never pairs.
        wanted_pair: Column of the second text.
        split: Name of the split, for messages.

    Returns:
        Both names; the second is None if texts are single. Columns that are not named are found by
        their usual names.

    Raises:
        ValueError: If one is not there, if both are the same, or if several could be meant.
    """
    if wanted_pair is None:
        pair = _find_pair(columns) if wanted is None else None
        if pair is None:
            return _find_text_column(columns, wanted, split), None
        logger.info("Each text of split %r is a pair: the columns %r and %r.", split, *pair)
        return pair
    second = _wanted_column(columns, wanted_pair, "text_pair_column", split)
    if wanted is None:
        first = next((one for one, other in _pairs_in(columns) if other == second), None)
        others = [column for column in columns if column != second]
        return first or _find_text_column(others, None, split), second
    if wanted == wanted_pair:
        raise ValueError(
            f"text_column and text_pair_column are both {wanted!r}: name the columns of the first "
            "and of the second text."
        )
    return _wanted_column(columns, wanted, "text_column", split), second


def _find_text_column(columns: list[str], wanted: str | None, split: str) -> str:
    found = _find_column(columns, wanted, TEXT_NAMES, "text_column", split)
    if found is None:
        raise ValueError(
            f"No text column found in split {split!r}: none of its columns {_list(columns)} is "
            f"called one of {_list(TEXT_NAMES)}. Name it: text_column=..."
        )
    return found


def find_label_columns(
    columns: list[str],
    wanted: str | Sequence[str] | None,
    split: str,
    optional: bool = False,
) -> list[str]:
    """The columns of a split that hold the label: those wanted, else the one with a usual name.

    Returns:
        Their names; none if there is none and ``optional`` allows that.

    Raises:
        ValueError: If one is not there and not ``optional``, if it is named twice, or if several
            could be meant.
    """
    if wanted is not None and not isinstance(wanted, str):
        if not wanted or len(set(wanted)) < len(wanted):
            raise ValueError(f"label_column must name different columns, got {list(wanted)}.")
        return [_wanted_column(columns, one, "label_column", split) for one in wanted]
    found = _find_column(columns, wanted, LABEL_NAMES, "label_column", split)
    if found is None and not optional:
        raise ValueError(
            f"No label column found in split {split!r}: none of its columns {_list(columns)} is "
            f"called one of {_list(LABEL_NAMES)}. Name it: label_column=... (several if each label "
            "has a column of its own), or pass unlabelled=True to distil text without labels."
        )
    return [] if found is None else [found]


def _find_column(
    columns: list[str], wanted: str | None, usual: tuple[str, ...], option: str, split: str
) -> str | None:
    if wanted is not None:
        return _wanted_column(columns, wanted, option, split)
    found = [column for column in columns if column.casefold() in usual]
    if len(found) > 1:
        raise ValueError(
            f"The columns {_list(found)} of split {split!r} could each be meant. Choose one: "
            f"{option}={found[0]!r}."
        )
    return found[0] if found else None


def _wanted_column(columns: list[str], wanted: str, option: str, split: str) -> str:
    if not isinstance(wanted, str):
        raise TypeError(
            f"{option} is a {type(wanted).__name__}, {wanted!r}; it must be the name of one "
            "column. For pairs of texts name two: text_column=... and text_pair_column=..."
        )
    if wanted not in columns:
        nearest = difflib.get_close_matches(wanted, columns, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(
            f"Split {split!r} has no column {wanted!r} ({option}); it has {_list(columns)}.{hint}"
        )
    return wanted


def _refuse_pairs(columns: list[str], split: str) -> None:
    pair = _find_pair(columns)
    if pair is not None:
        raise ValueError(
            f"The columns {pair[0]!r} and {pair[1]!r} of split {split!r} look like a pair of "
            "texts, and single texts are read here. If only one of them is to be read, name it: "
            "text_column=..."
        )


def _find_pair(columns: list[str]) -> tuple[str, str] | None:
    """Two columns that hold the two texts of a pair, by their names."""
    return next(_pairs_in(columns), None)


def _pairs_in(columns: list[str]) -> Iterator[tuple[str, str]]:
    """Columns that could be the two texts of a pair, the most usual names first."""
    by_key = {column.casefold(): column for column in columns}
    pairs = list(PAIR_NAMES)
    for text in TEXT_NAMES:
        pairs += [(text, text + ending) for ending in SECOND_TEXT_ENDINGS]
        pairs += [(text, second) for second in SECOND_TEXT_NAMES]
    for first, second in pairs:
        if first in by_key and second in by_key:
            yield by_key[first], by_key[second]


def _list(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
