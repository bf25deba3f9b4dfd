# SPDX-License-Identifier: Apache-2.0
"""Annotations by several teachers: their mean, and out-of-fold ones for the training texts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import Dataset, DatasetDict, concatenate_datasets
from numpy.typing import ArrayLike

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.data import columns
from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.columns import LABEL, TEACHER_LOGITS
from dixtill_hf.data.text_pairs import text_columns
from dixtill_hf.explainers.base import Explainer, TargetedExplainer, get_explainer
from dixtill_hf.teacher.ensemble import TeacherEnsemble
from dixtill_hf.teacher.loading import Teacher, check_same_labels


def average_annotations(
    annotated: Sequence[Dataset], explained_labels: ArrayLike | None = None
) -> Dataset:
    """Average the annotations of the same texts by several teachers or explainers.

    An output that is a mean of other outputs has the mean of their Integrated Gradients, so of
    teachers whose logits or margins were explained for the same label, the result is the exact
    explanation of their mean. Its completeness error is at most the mean of theirs, which is kept;
    its evaluations are the sum of theirs.

    Where they cut a text into other spans, as teachers with other tokenizers do, spans that overlap
    are joined into one, whose score is the sum of theirs.

    Args:
        annotated: At least one dataset, as `annotate` returns them: the same texts in the same
            order, explained for the same labels.
        explained_labels: The label of every text that counts as explained, integers `(texts,)`,
            where the annotations explain all labels or none in particular. Left out, they must
            explain the same ones.

    Returns:
        The first dataset, with the averaged columns in place of its own.

    Raises:
        ValueError: There is none, or they differ in their texts or explained labels; the column and
            the rows are named.
    """
    if not annotated:
        raise ValueError("There is no annotation to average: give at least one.")
    first, *others = tables = [_table(dataset) for dataset in annotated]
    same = text_columns(first.column_names)
    if explained_labels is None:
        same.append(columns.EXPLAINED_LABEL)
    for number, other in enumerate(others, start=1):
        _check_same(first, other, number, same)
    tables = _with_the_same_spans(tables)
    averaged: dict[str, Any] = {
        columns.TEACHER_SPANS: tables[0][columns.TEACHER_SPANS].combine_chunks(),
        columns.TEACHER_LOGITS: _mean_of_lists(tables, columns.TEACHER_LOGITS),
        columns.TEACHER_ATTRIBUTIONS: _mean_of_lists(tables, columns.TEACHER_ATTRIBUTIONS),
        columns.COMPLETENESS_ERROR: np.mean(_stacked(tables, columns.COMPLETENESS_ERROR), 0),
        columns.EVALUATIONS: np.sum(_stacked(tables, columns.EVALUATIONS), 0),
        columns.TRUNCATED: np.any(_stacked(tables, columns.TRUNCATED), 0),
    }
    if explained_labels is not None:
        averaged[columns.EXPLAINED_LABEL] = np.asarray(explained_labels, np.int32)
    result = annotated[0].with_format(None)
    for name, values in averaged.items():
        feature = result.features[name]
        result = result.remove_columns(name).add_column(name, values, feature=feature)
    return result


def _table(dataset: Dataset) -> pa.Table:
    return dataset.with_format("arrow")[:].combine_chunks()


def _check_same(first: pa.Table, other: pa.Table, number: int, names: Sequence[str]) -> None:
    if len(first) != len(other):
        raise ValueError(
            f"Annotation 0 has {len(first)} rows, annotation {number} has {len(other)}: average "
            "annotations of the same texts."
        )
    for name in names:
        ours, theirs = first[name].to_pylist(), other[name].to_pylist()
        rows = [
            row for row, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]
        ]
        if rows:
            raise ValueError(
                f"Annotations 0 and {number} differ in {name!r} in {name_rows(rows)}: average "
                "annotations of the same texts that explain the same labels (target='true' or "
                "'all')."
            )


def _with_the_same_spans(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """The annotations with spans that overlap joined, where not all have the same spans."""
    spans = [table[columns.TEACHER_SPANS].to_pylist() for table in tables]
    if all(other == spans[0] for other in spans[1:]):
        return list(tables)
    joined = [join_spans(row) for row in zip(*spans, strict=True)]
    return [
        _with_pieces(table, [pieces for pieces, _ in joined], [owners[at] for _, owners in joined])
        for at, table in enumerate(tables)
    ]


def join_spans(
    annotations: Sequence[Sequence[Sequence[int]]],
) -> tuple[list[list[int]], list[np.ndarray]]:
    """Join the spans of several annotations of a text that overlap.

    Args:
        annotations: For each annotation its spans, `[start, end)` characters.

    Returns:
        The joined spans, in order, and for each annotation the number of the joined span that each
        of its own is in, integers `(spans,)`.
    """
    pieces: list[list[int]] = []
    for start, end in sorted((start, end) for spans in annotations for start, end in spans):
        if pieces and start < pieces[-1][1]:
            pieces[-1][1] = max(end, pieces[-1][1])
        elif not pieces or pieces[-1] != [start, end]:
            pieces.append([start, end])
    starts = [start for start, _ in pieces]
    return pieces, [
        np.array([bisect_right(starts, start) - 1 for start, _ in spans], int)
        for spans in annotations
    ]


def _with_pieces(
    table: pa.Table, pieces: Sequence[list[list[int]]], owners: Sequence[np.ndarray]
) -> pa.Table:
    """An annotation with the scores of its spans summed over the pieces that they are in."""
    summed = []
    for row, scores in enumerate(table[columns.TEACHER_ATTRIBUTIONS].to_pylist()):
        by_span = np.asarray(scores, np.float64)
        by_piece = np.zeros((*by_span.shape[:-1], len(pieces[row])))
        if by_span.size:
            np.add.at(by_piece.T, owners[row], by_span.T)
        summed.append(by_piece.tolist())
    for name, values in (
        (columns.TEACHER_SPANS, pieces),
        (columns.TEACHER_ATTRIBUTIONS, summed),
    ):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(values, table.schema.field(name).type))
    return table


def _stacked(tables: Sequence[pa.Table], name: str) -> np.ndarray:
    """A column of numbers of every table, `(tables, rows)`."""
    return np.stack([table[name].to_numpy() for table in tables])


def _mean_of_lists(tables: Sequence[pa.Table], name: str) -> pa.Array:
    """The mean of a column of lists, or of lists of lists, which are of the same lengths."""
    lists = [table[name].combine_chunks() for table in tables]
    values = [_innermost(column) for column in lists]
    if len({len(numbers) for numbers in values}) > 1:
        raise ValueError(
            f"The annotations have different numbers of {name!r}: average annotations of teachers "
            "with the same labels, explained with the same target."
        )
    mean = np.mean([numbers.to_numpy(zero_copy_only=False) for numbers in values], 0, np.float64)
    return _refilled(lists[0], pa.array(mean.astype(np.float32)))


def _innermost(column: pa.Array) -> pa.Array:
    while pa.types.is_list(column.type):
        column = pc.list_flatten(column)
    return column


def _refilled(column: pa.Array, values: pa.Array) -> pa.Array:
    """A column of lists with other values in it."""
    if not pa.types.is_list(column.type):
        return values
    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    ends = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    return pa.ListArray.from_arrays(ends, _refilled(pc.list_flatten(column), values))


def annotate_by_ensemble(
    data: DatasetDict,
    teachers: Sequence[Teacher],
    explainer: str | Explainer = "integrated_gradients",
    **options: Any,
) -> DatasetDict:
    """Annotate all texts by the mean of several teachers, of any architectures.

    The mean of their explanations is that of their mean output where logits or margins are
    explained (the default), since attributions of a sum are the sum of attributions. Logits are
    averaged as they are: a teacher with larger logits counts for more.

    Args:
        data: Splits with the column `text`.
        teachers: Two or more, loaded with the same `label_names`.
        explainer: Name in the registry, or an explainer with its settings, for all of them. The
            predicted label is that of their mean.
        **options: Options of `annotate`: `tokens_per_batch`, `cache_dir` and settings of the
            explainer.

    Returns:
        The data with the columns of `annotate` added. Spans of teachers that cut a text otherwise
        are joined, see `average_annotations`.

    Raises:
        ValueError: There are fewer than two teachers, their labels differ, or for the reasons of
            `annotate`.
    """
    if len(teachers) < 2:
        raise ValueError(f"teachers must be two or more, got {len(teachers)}: use annotate(...).")
    for teacher in teachers[1:]:
        check_same_labels(teacher, teachers[0].labels)
    shared = {name: options.pop(name, None) for name in ("tokens_per_batch", "cache_dir")}
    method = get_explainer(explainer, **options)
    return DatasetDict(
        {name: _by_all(split, name, teachers, method, shared) for name, split in data.items()}
    )


def annotate_cross_fitted(
    data: DatasetDict,
    ensemble: TeacherEnsemble,
    explainer: str | Explainer = "integrated_gradients",
    **options: Any,
) -> DatasetDict:
    """Annotate every training text by the member that has not seen it, all others by the mean.

    The mean of the members' explanations is that of their mean output where logits or margins are
    explained (the default), since attributions of a sum are the sum of attributions.

    Args:
        data: The split `train` that the members were made from, and any others.
        ensemble: The teachers, from `cross_fit`.
        explainer: Name in the registry, or an explainer with its settings. In the splits
            other than `train` the predicted label is the ensemble's.
        **options: Options of `annotate`: `tokens_per_batch`, `cache_dir` and settings of the
            explainer.

    Returns:
        The data with the columns of `annotate` added.

    Raises:
        ValueError: `train` is not as long as that of `cross_fit`, or for the reasons of
            `annotate`.
    """
    shared = {name: options.pop(name, None) for name in ("tokens_per_batch", "cache_dir")}
    method = get_explainer(explainer, **options)
    return DatasetDict(
        {
            name: _out_of_fold(split, ensemble, method, shared)
            if name == "train"
            else _by_all(split, name, ensemble.members, method, shared)
            for name, split in data.items()
        }
    )


def _out_of_fold(
    train: Dataset, ensemble: TeacherEnsemble, explainer: Explainer, shared: dict[str, Any]
) -> Dataset:
    parts, rows = [], []
    for number, (member, unseen) in enumerate(ensemble.parts(train)):
        name = f"train, fold {number}"
        part = DatasetDict({name: train.select(unseen)})
        parts.append(annotate(part, member, explainer, **shared)[name])
        rows += unseen
    return concatenate_datasets(parts).select(np.argsort(rows))


def _by_all(
    split: Dataset,
    name: str,
    teachers: Sequence[Teacher],
    explainer: Explainer,
    shared: dict[str, Any],
) -> Dataset:
    """The mean annotation; all members explain the label that their mean predicts."""

    def by_each(rows: Dataset, method: str | Explainer) -> list[Dataset]:
        named = DatasetDict({name: rows})
        return [annotate(named, member, method, **shared)[name] for member in teachers]

    texts = split.select_columns(text_columns(split.column_names))
    logits = np.mean([np.asarray(said[TEACHER_LOGITS]) for said in by_each(texts, "none")], 0)
    labels = logits.reshape(len(split), -1).argmax(-1)
    if not isinstance(explainer, TargetedExplainer) or explainer.explains_all_labels:
        return average_annotations(by_each(split, explainer), labels)
    if explainer.target == "true":
        given = np.asarray([-1 if label is None else label for label in split[LABEL]])
        labels = np.where(given >= 0, given, labels)
    asked = split.remove_columns([c for c in (LABEL,) if c in split.column_names])
    asked = asked.add_column(LABEL, labels)
    answered = average_annotations(by_each(asked, replace(explainer, target="true")))
    answered = answered.remove_columns(LABEL)
    if LABEL not in split.column_names:
        return answered
    return answered.add_column(LABEL, split[LABEL][:], feature=split.features[LABEL])
