# SPDX-License-Identifier: Apache-2.0
"""Reading text-classification data of any source into checked splits with the same columns.

Texts without a label can be added for training: a student learns of them what its teacher says.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict, Value, concatenate_datasets

from dixtill_hf.data.checks import (
    check_classes,
    check_rationales,
    check_texts,
    warn_of_contradictions,
    warn_of_duplicates,
)
from dixtill_hf.data.columns import LABEL, RATIONALE, TEXT, TEXT_PAIR
from dixtill_hf.data.conventions import (
    find_label_columns,
    find_text_column,
    find_text_columns,
    name_splits,
)
from dixtill_hf.data.label_column import missing_label
from dixtill_hf.data.labels import encode_labels
from dixtill_hf.data.sources import Source, read_source
from dixtill_hf.data.splitting import hold_out
from dixtill_hf.data.text_pairs import columns_of_texts, text_columns, texts_of

logger = logging.getLogger(__name__)

# What serves of a source with several splits, the first of them that there is.
_SERVING = ("unsupervised", "unlabelled", "unlabeled", "train")


def load_text_classification(
    source: Source,
    text_column: str | None = None,
    label_column: str | Sequence[str] | None = None,
    label_names: Sequence[str] | None = None,
    test_source: Source | None = None,
    validation_fraction: float = 0.1,
    seed: int = 0,
    *,
    problem_type: str | None = None,
    splits: Mapping[str, str] | None = None,
    config_name: str | None = None,
    unlabelled: bool = False,
    require_test: bool = True,
    test_fraction: float | None = None,
    keep_columns: Sequence[str] = (),
    text_pair_column: str | None = None,
) -> DatasetDict:
    """Read data, check them, and hold a validation split out of train if they have none.

    Args:
        source: ``"embedded"`` (the default corpus); the id of a dataset on the Hub; a directory
            written by ``save_to_disk``; a directory with ``train.*``, ``validation.*`` and
            ``test.*`` files; one file; a mapping from split to file; a ``Dataset``, which is
            train; or a ``DatasetDict``. Files are CSV, TSV, JSON (a list of objects), JSON lines
            or Parquet. Splits called valid, val or dev are the validation split.
        text_column: Column of the text; by default the one called text, sentence, tweet or
            content.
        label_column: Column of the label; by default the one called label, labels or sentiment.
            Several columns are one label each (0 and 1), or one value each.
        label_names: Names of the labels in the order wanted; they win over those found.
        test_source: Where the test split comes from instead of ``source``: a source of one
            split, or one with a test split.
        validation_fraction: Share of train held out for validation if there is no such split.
        seed: Seed of what is held out.
        problem_type: ``"single_label_classification"``, ``"multi_label_classification"`` or
            ``"regression"``; by default what the labels are, see ``encode_labels``.
        splits: From train, validation or test to the source's split that serves as it, e.g.
            ``{"test": "validation"}`` for data whose test labels are not public.
        config_name: Configuration of a Hub dataset that has several.
        unlabelled: Whether texts may lack a label, or all do; they get ``LABEL_UNKNOWN``.
            With it, labels need not all occur in train. Without any label and ``label_names``,
            the labels stay without names.
        require_test: Whether the lack of a test split is an error.
        test_fraction: Share of train held out as the test split, for a source that has none.
        keep_columns: Further columns that every split has to have, such as scores of your own for
            the explainer ``precomputed``.
        text_pair_column: Column of the second text, if each text is a pair (premise and
            hypothesis, two sentences, ...). Without it and ``text_column``, two columns with usual
            names for pairs (sentence1 and sentence2, premise and hypothesis, text and text_pair,
            ...) are pairs, which is logged.

    Returns:
        The splits train, validation and, if there is one, test, with the columns ``text``
        (string), for pairs ``text_pair`` (string), ``label`` (``ClassLabel``; a list of them for
        several labels a text; float32, or float32 by name, for a regression), those of
        ``keep_columns`` and, where the source has it, ``rationale``.

    Raises:
        ValueError: If the data fail a check; says which rows or columns, and what to do.
        FileNotFoundError: If there is no such file, directory or dataset.
        ConnectionError: If the Hub is needed and cannot be reached.
    """
    data = name_splits(read_source(source, config_name), splits)
    if test_source is not None:
        data["test"] = _read_test(test_source)
    _check_test_split(data, require_test, test_fraction)
    data = DatasetDict(
        {
            split: _select_columns(
                dataset,
                split,
                (text_column, text_pair_column),
                label_column,
                unlabelled,
                keep_columns,
            )
            for split, dataset in data.items()
        }
    )
    _check_all_pairs(data)
    check_texts(data)
    data = check_rationales(encode_labels(data, label_names, unlabelled, problem_type))
    if not unlabelled:
        check_classes(data)
    warn_of_duplicates(data)
    warn_of_contradictions(data)
    if test_fraction is not None:
        data["train"], data["test"] = hold_out(data["train"], test_fraction, seed)
    if "validation" not in data:
        data["train"], data["validation"] = hold_out(data["train"], validation_fraction, seed)
    return DatasetDict({s: data[s] for s in ("train", "validation", "test") if s in data})


def _check_all_pairs(data: DatasetDict) -> None:
    """Refuse pairs in some splits and single texts in others."""
    pairs = [split for split, dataset in data.items() if TEXT_PAIR in dataset.column_names]
    if 0 < len(pairs) < len(data):
        single = ", ".join(repr(split) for split in data if split not in pairs)
        raise ValueError(
            f"The texts of {', '.join(map(repr, pairs))} are pairs, those of {single} are not. "
            "Name the columns that all splits have: text_column=... for single texts, with "
            "text_pair_column=... for pairs."
        )


def _check_test_split(data: DatasetDict, required: bool, fraction: float | None) -> None:
    if "test" in data and fraction is not None:
        raise ValueError(
            f"There is a test split already, so that test_fraction={fraction} of train cannot be "
            "another: leave it out, or leave the split out of the source."
        )
    if required and "test" not in data and fraction is None:
        raise ValueError(
            f"There is no test split, only {', '.join(data)}. Give one with test_source, hold a "
            "share of train out with test_fraction=0.2, or name a split of the source that serves "
            'as it: splits={"test": "..."}.'
        )


def _read_test(source: Source) -> Dataset:
    data = read_source(source)
    if "test" in data:
        return data["test"]
    if len(data) != 1:
        raise ValueError(f"test_source has no test split; it has {', '.join(data)}.")
    return next(iter(data.values()))


def _select_columns(
    dataset: Dataset,
    split: str,
    wanted_texts: tuple[str | None, str | None],
    label_column: str | Sequence[str] | None,
    unlabelled: bool,
    keep_columns: Sequence[str],
) -> Dataset:
    """The columns of a split that are used, under our names."""
    columns = dataset.column_names
    text, second = find_text_columns(columns, *wanted_texts, split)
    labels = find_label_columns(columns, label_column, split, optional=unlabelled)
    for name in (text, second):
        if name in labels:
            raise ValueError(
                f"The column {name!r} of split {split!r} is both the text and the label."
            )
    missing = [name for name in keep_columns if name not in (*columns, TEXT, TEXT_PAIR, LABEL)]
    if missing:
        raise ValueError(f"Split {split!r} has no columns {missing}, only {', '.join(columns)}.")
    keep = {name: name for name in keep_columns if name in columns} | {text: TEXT}
    if second is not None:
        keep[second] = TEXT_PAIR
    if RATIONALE in columns:
        keep[RATIONALE] = RATIONALE
    if len(labels) == 1:
        keep[labels[0]] = LABEL
    by_name = [dict(zip(labels, row, strict=True)) for row in _rows(dataset, labels)]
    dataset = _renamed(dataset.select_columns(list(keep)), keep)
    if len(labels) > 1:
        dataset = dataset.add_column(LABEL, by_name)
    # What pandas reads; splits of one type can be joined.
    for name in text_columns(dataset.column_names):
        if dataset.features[name] == Value("large_string"):
            dataset = dataset.cast_column(name, Value("string"))
    return dataset


def _renamed(dataset: Dataset, names: Mapping[str, str]) -> Dataset:
    """A dataset with other names of its columns, even if two of them change places."""
    renamed = {old: new for old, new in names.items() if old != new}
    return dataset.rename_columns(renamed) if renamed else dataset


def _rows(dataset: Dataset, labels: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The cells of several columns, row by row; none of a single column, which is only renamed."""
    if len(labels) < 2:
        return iter(())
    plain = dataset.with_format(None)
    return zip(*(plain[name][:] for name in labels), strict=True)


def add_unlabelled_texts(
    data: DatasetDict,
    source: Source,
    text_column: str | None = None,
    text_pair_column: str | None = None,
) -> DatasetDict:
    """Put the texts of another source behind the training texts, without a label.

    Args:
        data: The splits, as `load_text_classification` returns them.
        source: As for `load_text_classification`; its labels are not read. Of the splits of a Hub
            or saved dataset the one called unsupervised, unlabelled or unlabeled serves, else
            train, or the only one there is; of a directory of files it is train.
        text_column: Column of the text; by default the one called text, sentence, tweet or content.
        text_pair_column: Column of the second text, if the data are pairs; by default found as by
            `load_text_classification`.

    Returns:
        The splits. Texts that occur in any of them are left out, so that none which a student is
        scored on is learned from; of equal texts the first is kept.

    Raises:
        ValueError: The source has no such split or column, an empty text, or no text that is new.
        FileNotFoundError: If there is no such file, directory or dataset.
        ConnectionError: If the Hub is needed and cannot be reached.
    """
    train = data["train"]
    if TEXT_PAIR in train.column_names:
        texts = _read_pairs(source, text_column, text_pair_column)
    else:
        texts = read_texts(source, text_column)
    known = {text for split in data.values() for text in texts_of(split)}
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if not new:
        raise ValueError(
            f"All {len(texts)} texts of {source} are in the data already: name a source with "
            "other texts."
        )
    logger.info("%d texts of %s are new to the data.", len(new), source)
    columns: dict[str, list[Any]] = {name: [None] * len(new) for name in train.column_names}
    columns |= {**columns_of_texts(new), LABEL: [missing_label(train)] * len(new)}
    further = Dataset.from_dict(columns).cast(train.features)
    return DatasetDict({**data, "train": concatenate_datasets([train, further])})


def read_texts(source: Source, text_column: str | None = None) -> list[str]:
    """Read texts without their labels.

    Args:
        source: As for `add_unlabelled_texts`; or a `.txt` file with one text on each line, whose
            empty lines are left out.
        text_column: Column of the text; by default the one called text, sentence, tweet or content.

    Raises:
        ValueError: The source has no such split or column, or an empty text.
        FileNotFoundError: If there is no such file, directory or dataset.
        ConnectionError: If the Hub is needed and cannot be reached.
    """
    if isinstance(source, str | PathLike) and Path(source).suffix.lower() == ".txt":
        lines = Path(source).expanduser().read_text(encoding="utf-8").split("\n")
        return [line.strip() for line in lines if line.strip()]
    texts, where = _serving_split(source)
    column = find_text_column(texts.column_names, text_column, where)
    return _checked_texts(texts.select_columns([column]), {column: TEXT}, where)


def _read_pairs(source: Source, text_column: str | None, pair_column: str | None) -> list[str]:
    """Read pairs of texts without their labels; as `read_texts`."""
    rows, where = _serving_split(source)
    text, second = find_text_columns(rows.column_names, text_column, pair_column, where)
    if second is None:
        raise ValueError(
            f"The data are pairs of texts, and {where} has only the column {text!r} of texts: name "
            "a source of pairs, and its columns with text_column and text_pair_column."
        )
    names = {text: TEXT, second: TEXT_PAIR}
    return _checked_texts(rows.select_columns([text, second]), names, where)


def _checked_texts(texts: Dataset, names: Mapping[str, str], where: str) -> list[str]:
    texts = _renamed(texts, names)
    check_texts(DatasetDict({where: texts}))
    return texts_of(texts)


def _serving_split(source: Source) -> tuple[Dataset, str]:
    """The split of a source whose texts are read without labels, and what messages call it."""
    splits = read_source(source)
    name = next((one for one in _SERVING if one in splits), None)
    if name is None and len(splits) == 1:
        name = next(iter(splits))
    if name is None:
        raise ValueError(
            f"Of the splits of {source}, {', '.join(splits)}, none is called "
            f"{' or '.join(_SERVING)}: name a file or directory with the one that is meant."
        )
    # The data have a split of that name themselves.
    return splits[name], f"{name} of {source}"
