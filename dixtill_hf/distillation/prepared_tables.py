# SPDX-License-Identifier: Apache-2.0
"""Tables of annotated texts as the arrays that a student trains on: words, labels, targets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from dixtill_hf.data import columns
from dixtill_hf.data.alignment import Reduction, align_batch
from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.label_column import problem_type_of_column
from dixtill_hf.data.problem_types import SINGLE_LABEL, ProblemType
from dixtill_hf.data.text_pairs import text_columns, texts_of
from dixtill_hf.distillation.prepared_columns import (
    ATTRIBUTION_TARGETS,
    EXPLAINED_LABEL,
    EXPLANATION,
    INPUT_IDS,
    LABELS,
    LENGTH,
    TEACHER_LOGITS,
    TOKEN_TYPES,
)
from dixtill_hf.distillation.student_words import StudentWords, as_lists


@dataclass(frozen=True)
class TablePreparer:
    """Prepares tables of texts.

    Attributes:
        tokenizer: The student's tokenizer.
        problem: The student's kind of task.
        label_feature: The feature of the column `label`; None if there is none.
        num_labels: Number of the student's labels.
        reduction: How the scores of several tokens make the score of a word, see `align_spans`.
        max_words: Longest text in words.
    """

    tokenizer: PreTrainedTokenizerFast
    problem: ProblemType
    label_feature: Any
    num_labels: int
    reduction: Reduction
    max_words: int

    def prepare(self, table: pa.Table, first_row: int) -> pa.Table:
        """The prepared columns of a table, one row per text.

        Args:
            table: The columns of an annotated dataset that are there; `text` must be.
            first_row: Row of its first text in the dataset, for errors.

        Raises:
            ValueError: Columns do not fit each other or the labels; rows are named.
        """
        words = StudentWords.of(self._texts(table, first_row), self.tokenizer, self.max_words)
        prepared = {
            INPUT_IDS: words.cut(words.ids.astype(np.int32)),
            LABELS: self._labels(table, first_row),
            LENGTH: words.kept_per_text.astype(np.int32),
        }
        if words.types is not None:
            prepared[TOKEN_TYPES] = words.cut(words.types.astype(np.int32))
        if TEACHER_LOGITS in table.column_names:
            prepared[TEACHER_LOGITS] = self._logits(table, first_row)
        if set(EXPLANATION) <= set(table.column_names):
            prepared |= self._explanations(table, words, first_row)
        return pa.table(prepared)

    def _explanations(
        self, table: pa.Table, words: StudentWords, first_row: int
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
                ATTRIBUTION_TARGETS: words.cut(targets),
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
        lists = several.cut(targets)
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
        names = text_columns(table.column_names)
        for name in names:
            texts = table[name]
            if not pa.types.is_string(texts.type) and not pa.types.is_large_string(texts.type):
                raise ValueError(f"the column {name!r} holds {texts.type}, not strings")
            _check_rows(texts.is_null().to_numpy(), first_row, f"the {name} is missing")
        return texts_of({name: table[name].to_pylist() for name in names})

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
        return as_lists(labels.ravel(), np.full(len(table), self.num_labels))

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
        return as_lists(logits, _lengths(lists))

    def _targets(
        self,
        spans: pa.ChunkedArray,
        attributions: pa.ChunkedArray,
        words: StudentWords,
        first_row: int,
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
