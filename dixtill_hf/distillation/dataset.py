# SPDX-License-Identifier: Apache-2.0
"""From an annotated dataset and the student's tokenizer to what the student trains on.

This is done once per dataset, many texts at a time, so that training steps need not do it.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, IterableDataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from dixtill_hf.data import columns
from dixtill_hf.data.alignment import Reduction, align_batch
from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.label_column import problem_type_of_column
from dixtill_hf.data.problem_types import REGRESSION, SINGLE_LABEL, ProblemType, get_problem_type
from dixtill_hf.data.words import word_limit

INPUT_IDS = "input_ids"
"""int32, one id per word of the student."""

LABELS = "labels"
"""int64, the label, or `LABEL_UNKNOWN`; or float32, one for each label or value, NaN if unknown."""

TEACHER_LOGITS = columns.TEACHER_LOGITS
"""float32, one per label; only in annotated datasets."""

ATTRIBUTION_TARGETS = "attribution_targets"
"""float32, the teacher's attribution of each word; only in annotated datasets.

If a text may have several explained labels, a list of them for each.
"""

EXPLAINED_LABEL = "explained_label"
"""int64, the label that the attribution targets explain, or a list of them."""

LENGTH = "length"
"""int32, number of words."""

_EXPLANATION = (columns.TEACHER_SPANS, columns.TEACHER_ATTRIBUTIONS, columns.EXPLAINED_LABEL)
# What each prepared column is made from.
SOURCES = {
    LABELS: (columns.LABEL,),
    TEACHER_LOGITS: (columns.TEACHER_LOGITS,),
    ATTRIBUTION_TARGETS: _EXPLANATION,
}
_TEXTS_AT_ONCE = 2000


def prepare_dataset(
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerFast,
    label_names: Sequence[str],
    *,
    problem_type: str = SINGLE_LABEL,
    required: Collection[str] = (),
    reduction: Reduction = "sum",
    max_words: int | None = None,
) -> Dataset:
    """Turn texts, labels and the teacher's annotation into the student's inputs and targets.

    The result has the columns `input_ids`, `labels` and `length`. If the dataset has the
    teacher's logits, it has `teacher_logits`; if it has attributions, `attribution_targets` and
    `explained_label`. It is held in memory. A dataset that is prepared already is returned as it
    is.

    Args:
        dataset: A dataset with the column `text`. `label` (without it, all texts are unlabelled)
            and the columns of `annotate` are used if they are there.
        tokenizer: The student's tokenizer, any fast one. Special tokens that it adds to a text
            stay in `input_ids` and have the attribution 0.
        label_names: The student's labels, in the order of its logits. If the dataset's labels have
            names, they must be the same.
        problem_type: Name of the student's kind of task. Default "single_label_classification".
        required: Names in `SOURCES` of the columns that the result must have. Default: none.
        reduction: Whether the score of a word is the "sum" (the default) or the "mean" of the
            scores of the teacher's tokens in it, see `align_spans`.
        max_words: Longest text in words; the rest is cut off, with its attributions. Default: the
            tokenizer's `model_max_length`, or 512 if it has none.

    Returns:
        One row per text, in the same order.

    Raises:
        TypeError: Not a `Dataset`, or not a fast tokenizer.
        ValueError: Columns are missing or do not fit each other or the labels; rows are named.
    """
    checked_dataset(dataset)
    checked_tokenizer(tokenizer)
    if is_prepared(dataset):
        _check_columns(dataset, {name: (name,) for name in required})
        return dataset
    names, prepare = table_preparer(
        dataset,
        tokenizer,
        label_names,
        problem_type=problem_type,
        required=required,
        reduction=reduction,
        max_words=max_words,
    )
    if len(dataset) == 0:
        raise ValueError("the dataset has no rows")
    batches = dataset.select_columns(names).with_format("arrow").iter(_TEXTS_AT_ONCE)
    tables = [prepare(table, _TEXTS_AT_ONCE * i) for i, table in enumerate(batches)]
    return Dataset(pa.concat_tables(tables).combine_chunks())


def table_preparer(
    dataset: Dataset | IterableDataset,
    tokenizer: PreTrainedTokenizerFast,
    label_names: Sequence[str],
    *,
    problem_type: str = SINGLE_LABEL,
    required: Collection[str] = (),
    reduction: Reduction = "sum",
    max_words: int | None = None,
) -> tuple[list[str], Callable[[pa.Table, int], pa.Table]]:
    """What prepares tables of a dataset or a stream, whose columns and labels are checked.

    Arguments and errors are those of `prepare_dataset`.

    Returns:
        The columns that are used; and a function from a table of them, and the number of its first
        row in the dataset, to the prepared table.
    """
    _check_columns(
        dataset, {INPUT_IDS: (columns.TEXT,)} | {name: SOURCES[name] for name in required}
    )
    problem = get_problem_type(problem_type)
    _check_label_names(dataset, problem, label_names)
    wanted = [columns.TEXT, *chain.from_iterable(SOURCES.values())]
    present = [name for name in wanted if name in dataset.column_names]
    limit = word_limit(tokenizer.model_max_length) if max_words is None else max_words
    feature = dataset.features.get(columns.LABEL)
    preparer = _TablePreparer(tokenizer, problem, feature, len(label_names), reduction, limit)
    return present, preparer.prepare


def is_prepared(dataset: Dataset | IterableDataset) -> bool:
    """Whether a dataset has the columns that every prepared one has."""
    return {INPUT_IDS, LABELS, LENGTH} <= set(dataset.column_names)


def checked_dataset(dataset: object) -> Dataset:
    """The dataset, if it is one that lies here whole.

    Raises:
        TypeError: Not a `Dataset`.
    """
    if not isinstance(dataset, Dataset):
        raise TypeError(
            f"expected a datasets.Dataset, got {type(dataset).__name__}: give one split of a "
            "DatasetDict; a stream is read only to train on"
        )
    return dataset


def checked_tokenizer(tokenizer: object) -> PreTrainedTokenizerFast:
    """The tokenizer, if it is one that knows the characters of its words.

    Raises:
        TypeError: Not a `PreTrainedTokenizerFast`.
    """
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise TypeError(
            "the student's tokenizer must be a PreTrainedTokenizerFast, which knows the characters "
            f"of its words, got {type(tokenizer).__name__}: make one with "
            "train_word_tokenizer(texts)"
        )
    return tokenizer


def _check_label_names(
    dataset: Dataset | IterableDataset, problem: ProblemType, names: Sequence[str]
) -> None:
    feature = dataset.features.get(columns.LABEL)
    found = problem_type_of_column(feature)
    if found is None:
        return
    if found is not problem:
        raise ValueError(
            f"the dataset's labels are of the problem type {found.name}, the student's is "
            f"{problem.name}: make the student for the dataset, with "
            f"DixtillConfig(problem_type={found.name!r}), or load the dataset with "
            f"load_text_classification(..., problem_type={problem.name!r})"
        )
    unnamed = [f"LABEL_{i}" for i in range(len(names))]
    theirs = problem.names(feature)
    single_value = problem.name == REGRESSION and len(names) == len(theirs or []) == 1
    if list(names) != unnamed and theirs != list(names) and not single_value:
        raise ValueError(
            f"the dataset's labels are {theirs}, the student's are {list(names)}: make the "
            "student with the dataset's labels, in the same order: DixtillConfig(id2label=...)"
        )


def _check_columns(dataset: Dataset | IterableDataset, needed: dict[str, tuple[str, ...]]) -> None:
    missing = [n for names in needed.values() for n in names if n not in dataset.column_names]
    if not missing:
        return
    if is_prepared(dataset):
        remedy = "prepare it again from the annotated dataset: prepare_dataset(...)"
    elif columns.TEXT in missing or columns.LABEL in missing:
        remedy = "load it with load_text_classification(...), which finds or renames them"
    else:
        remedy = "annotate it first: annotate(dataset, teacher); or give the trainer teacher=..."
    raise ValueError(f"the dataset has no columns {missing}, only {dataset.column_names}: {remedy}")


@dataclass(frozen=True)
class _TablePreparer:
    """Prepares tables of texts; row numbers in errors start at that of a table's first text."""

    tokenizer: PreTrainedTokenizerFast
    problem: ProblemType
    label_feature: Any
    num_labels: int
    reduction: Reduction
    max_words: int

    def prepare(self, table: pa.Table, first_row: int) -> pa.Table:
        words = _Words.of(self._texts(table, first_row), self.tokenizer)
        prepared = {
            INPUT_IDS: words.cut(words.ids.astype(np.int32), self.max_words),
            LABELS: self._labels(table, first_row),
            LENGTH: np.minimum(words.per_text, self.max_words).astype(np.int32),
        }
        if TEACHER_LOGITS in table.column_names:
            prepared[TEACHER_LOGITS] = self._logits(table, first_row)
        if set(_EXPLANATION) <= set(table.column_names):
            prepared |= self._explanations(table, words, first_row)
        return pa.table(prepared)

    def _explanations(
        self, table: pa.Table, words: "_Words", first_row: int
    ) -> dict[str, pa.Array | NDArray]:
        """Attribution targets and explained labels; a list of each if a text may have several."""
        if not self.problem.explains_several(self.num_labels):
            labels = self._explained_labels(table, first_row)
            targets = self._targets(
                table[columns.TEACHER_SPANS],
                self._attributions(table, labels, first_row),
                words,
                first_row,
            )
            return {
                ATTRIBUTION_TARGETS: words.cut(targets, self.max_words),
                EXPLAINED_LABEL: labels,
            }
        counts, explained = self._several_explained(table, first_row)
        # Each explained label is prepared like a text of its own.
        rows = np.repeat(np.arange(len(table)), counts)
        several = words.take(rows)
        targets = self._targets(
            table[columns.TEACHER_SPANS].take(pa.array(rows)),
            pc.list_flatten(table[columns.TEACHER_ATTRIBUTIONS]),
            several,
            first_row,
        )
        ends = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        lists = several.cut(targets, self.max_words)
        return {
            ATTRIBUTION_TARGETS: pa.ListArray.from_arrays(ends, lists),
            EXPLAINED_LABEL: pa.ListArray.from_arrays(ends, pa.array(explained)),
        }

    def _several_explained(
        self, table: pa.Table, first_row: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many labels of each text are explained, and which ones, one text after the other."""
        lists = table[columns.EXPLAINED_LABEL]
        if not pa.types.is_list(lists.type):
            raise ValueError(
                f"the column {columns.EXPLAINED_LABEL!r} holds {lists.type}, not lists of labels: "
                "annotate the dataset with a teacher of this problem type"
            )
        counts, explained = _lengths(lists), _flat(lists, np.int64)
        _check_rows(
            (counts < 0) | (counts != _lengths(table[columns.TEACHER_ATTRIBUTIONS])),
            first_row,
            f"{columns.EXPLAINED_LABEL} and {columns.TEACHER_ATTRIBUTIONS} differ in length; "
            "annotate the dataset anew",
        )
        wrong = (explained < 0) | (explained >= self.num_labels)
        rows = np.repeat(np.arange(len(counts)), counts)
        _check_rows(
            np.bincount(rows, weights=wrong, minlength=len(counts)) > 0,
            first_row,
            f"{columns.EXPLAINED_LABEL} is none of 0 to {self.num_labels - 1}, the student's "
            "labels; annotate the dataset with a teacher of these labels",
        )
        return counts, explained

    def _texts(self, table: pa.Table, first_row: int) -> list[str]:
        texts = table[columns.TEXT]
        if not pa.types.is_string(texts.type) and not pa.types.is_large_string(texts.type):
            raise ValueError(f"the column {columns.TEXT!r} holds {texts.type}, not strings")
        _check_rows(texts.is_null().to_numpy(), first_row, "the text is missing")
        return texts.to_pylist()

    def _labels(self, table: pa.Table, first_row: int) -> NDArray | pa.Array:
        if self.problem.name == SINGLE_LABEL:
            return self._single_labels(table, first_row)
        if problem_type_of_column(self.label_feature) is None:
            unknown = table.column_names.count(columns.LABEL) == 0 or all(
                label in (None, columns.LABEL_UNKNOWN) for label in table[columns.LABEL].to_pylist()
            )
            if not unknown:
                raise ValueError(
                    f"the column {columns.LABEL!r} holds {table[columns.LABEL].type}: load the "
                    "dataset with load_text_classification(..., "
                    f"problem_type={self.problem.name!r})"
                )
            labels = self.problem.array([None] * len(table), self.num_labels)
        else:
            labels = self.problem.array(table[columns.LABEL].to_pylist(), self.num_labels)
        return _as_lists(labels.ravel(), np.full(len(table), self.num_labels))

    def _single_labels(self, table: pa.Table, first_row: int) -> NDArray[np.int64]:
        if columns.LABEL not in table.column_names:
            return np.full(len(table), columns.LABEL_UNKNOWN)
        labels = _integers(
            table,
            columns.LABEL,
            missing=self.num_labels,
            remedy="load the dataset with load_text_classification(...), or encode the column "
            f"with dataset.class_encode_column({columns.LABEL!r})",
        )
        allowed = (labels >= 0) & (labels < self.num_labels) | (labels == columns.LABEL_UNKNOWN)
        _check_rows(
            ~allowed,
            first_row,
            f"the label is none of 0 to {self.num_labels - 1}, the student's labels, nor "
            f"{columns.LABEL_UNKNOWN}, which means an unknown label",
        )
        return labels

    def _logits(self, table: pa.Table, first_row: int) -> pa.Array:
        lists = table[columns.TEACHER_LOGITS]
        _check_rows(
            _lengths(lists) != self.num_labels,
            first_row,
            f"{columns.TEACHER_LOGITS} must have {self.num_labels} values, one for each label of "
            "the student; annotate the dataset with a teacher of these labels",
        )
        logits = _flat(lists, np.float32)
        _check_finite(logits, _lengths(lists), first_row, columns.TEACHER_LOGITS)
        return _as_lists(logits, _lengths(lists))

    def _targets(
        self, spans: pa.ChunkedArray, attributions: pa.ChunkedArray, words: "_Words", first_row: int
    ) -> NDArray[np.float32]:
        """The attribution of each word.

        Args:
            spans: One list for each text of `words`.
            attributions: The same.
            words: The words of all texts.
            first_row: For messages.
        """
        _check_rows(
            _lengths(spans) != _lengths(attributions),
            first_row,
            f"{columns.TEACHER_SPANS} and {columns.TEACHER_ATTRIBUTIONS} differ in length; "
            "annotate the dataset anew",
        )
        values = _flat(attributions, np.float64)
        _check_finite(values, _lengths(attributions), first_row, columns.TEACHER_ATTRIBUTIONS)
        pairs = _flat(pc.list_flatten(spans), np.int64).reshape(-1, 2)
        ordinary = words.ordinary
        targets = np.zeros(len(words.ids), np.float32)
        targets[ordinary] = align_batch(
            pairs,
            values,
            _lengths(spans),
            words.offsets[ordinary],
            words.ordinary_per_text,
            self.reduction,
        )
        return targets

    def _attributions(
        self, table: pa.Table, labels: NDArray[np.int64], first_row: int
    ) -> pa.ChunkedArray:
        """One list per text, `(spans,)`: of `(labels, spans)`, the row of the explained label."""
        attributions = table[columns.TEACHER_ATTRIBUTIONS]
        if not pa.types.is_nested(attributions.type.value_type):
            return attributions
        _check_rows(
            _lengths(attributions) != self.num_labels,
            first_row,
            f"{columns.TEACHER_ATTRIBUTIONS} must be one list of spans, or {self.num_labels} of "
            "them, one for each label of the student; annotate the dataset with a teacher of these "
            "labels",
        )
        own = np.arange(len(labels)) * self.num_labels + labels
        return pc.list_flatten(attributions).take(pa.array(own))

    def _explained_labels(self, table: pa.Table, first_row: int) -> NDArray[np.int64]:
        labels = _integers(
            table, columns.EXPLAINED_LABEL, missing=-1, remedy="annotate the dataset anew"
        )
        _check_rows(
            (labels < 0) | (labels >= self.num_labels),
            first_row,
            f"{columns.EXPLAINED_LABEL} is none of 0 to {self.num_labels - 1}, the student's "
            "labels; annotate the dataset with a teacher of these labels",
        )
        return labels


@dataclass(frozen=True)
class _Words:
    """The words of many texts, one after the other.

    Special tokens, such as BERT's [CLS] and [SEP], count as words, but are not `ordinary`: they
    cover no characters, so they get no attribution.
    """

    ids: NDArray[np.int64]
    offsets: NDArray[np.int64]
    ordinary: NDArray[np.bool_]
    per_text: NDArray[np.int64]

    @classmethod
    def of(cls, texts: list[str], tokenizer: PreTrainedTokenizerFast) -> "_Words":
        encoded = tokenizer(
            texts,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            return_attention_mask=False,
            verbose=False,  # longer texts than the tokenizer's limit are cut afterwards
        )
        ids = encoded[INPUT_IDS]
        special = np.fromiter(chain.from_iterable(encoded["special_tokens_mask"]), np.bool_)
        offsets = chain.from_iterable(chain.from_iterable(encoded["offset_mapping"]))
        return cls(
            np.fromiter(chain.from_iterable(ids), np.int64),
            np.fromiter(offsets, np.int64).reshape(-1, 2),
            ~special,
            np.fromiter(map(len, ids), np.int64, len(ids)),
        )

    @property
    def ordinary_per_text(self) -> NDArray[np.int64]:
        """How many words of every text are no special tokens."""
        text = np.repeat(np.arange(len(self.per_text)), self.per_text)
        return np.bincount(text[self.ordinary], minlength=len(self.per_text))

    def take(self, rows: NDArray[np.integer]) -> "_Words":
        """The words of some texts, which may occur several times."""
        starts = np.cumsum(self.per_text) - self.per_text
        per_text = self.per_text[rows]
        first = np.cumsum(per_text) - per_text
        places = np.arange(per_text.sum()) + np.repeat(starts[rows] - first, per_text)
        return _Words(self.ids[places], self.offsets[places], self.ordinary[places], per_text)

    def cut(self, values: NDArray[Any], max_words: int) -> pa.Array:
        """Values of all words as one list per text, of its first words."""
        starts = np.cumsum(self.per_text) - self.per_text
        position = np.arange(len(values)) - np.repeat(starts, self.per_text)
        return _as_lists(values[position < max_words], np.minimum(self.per_text, max_words))


def _integers(table: pa.Table, name: str, missing: int, remedy: str) -> NDArray[np.int64]:
    column = table[name]
    if not pa.types.is_integer(column.type):
        raise ValueError(f"the column {name!r} holds {column.type}, not integers: {remedy}")
    return pc.fill_null(column.cast(pa.int64()), missing).to_numpy()


def _lengths(lists: pa.ChunkedArray) -> NDArray[np.int64]:
    """Length of every list; -1 for a missing one."""
    return pc.fill_null(pc.list_value_length(lists).cast(pa.int64()), -1).to_numpy()


def _flat(lists: pa.ChunkedArray, dtype: Callable) -> NDArray[Any]:
    return pc.list_flatten(lists).to_numpy().astype(dtype)


def _as_lists(values: NDArray[Any], lengths: NDArray[np.int64]) -> pa.Array:
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values))


def _check_finite(
    values: NDArray[np.floating], lengths: NDArray[np.int64], first_row: int, name: str
) -> None:
    row = np.repeat(np.arange(len(lengths)), lengths)
    bad = np.bincount(row, weights=~np.isfinite(values), minlength=len(lengths)) > 0
    _check_rows(bad, first_row, f"{name} is not finite")


def _check_rows(bad: NDArray[np.bool_], first_row: int, problem: str) -> None:
    if bad.any():
        rows = (np.flatnonzero(bad) + first_row).tolist()
        raise ValueError(f"in {name_rows(rows)}, {problem}")
