# SPDX-License-Identifier: Apache-2.0
"""From an annotated dataset and the student's tokenizer to what the student trains on.

This is done once per dataset, many texts at a time, so that training steps need not do it.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import chain

import pyarrow as pa
from datasets import Dataset, IterableDataset
from transformers import PreTrainedTokenizerFast

from dixtill_hf.data import columns
from dixtill_hf.data.alignment import Reduction
from dixtill_hf.data.label_column import problem_type_of_column
from dixtill_hf.data.problem_types import REGRESSION, SINGLE_LABEL, ProblemType, get_problem_type
from dixtill_hf.data.words import word_limit
from dixtill_hf.distillation.prepared_columns import INPUT_IDS, SOURCES, is_prepared
from dixtill_hf.distillation.prepared_tables import TablePreparer

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

    The result has the columns `input_ids`, `labels` and `length`, for pairs of texts also
    `token_type_ids`. If the dataset has the teacher's logits, it has `teacher_logits`; if it has
    attributions, `attribution_targets` and `explained_label`. It is held in memory. A dataset that
    is prepared already is returned as it is.

    Args:
        dataset: A dataset with the column `text`, for pairs also `text_pair`. `label` (without it,
            all texts are unlabelled) and the columns of `annotate` are used if they are there.
        tokenizer: The student's tokenizer, any fast one. Special tokens that it adds to a text
            stay in `input_ids` and have the attribution 0.
        label_names: The student's labels, in the order of its logits. If the dataset's labels have
            names, they must be the same.
        problem_type: Name of the student's kind of task. Default "single_label_classification".
        required: Names in `SOURCES` of the columns that the result must have. Default: none.
        reduction: Whether the score of a word is the "sum" (the default) or the "mean" of the
            scores of the teacher's tokens in it, see `align_spans`.
        max_words: Longest text in words; the rest is cut off, with its attributions; of a pair, the
            end of the longer text first. Default: the tokenizer's `model_max_length`, or 512 if it
            has none.

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
    wanted = [columns.TEXT, columns.TEXT_PAIR, *chain.from_iterable(SOURCES.values())]
    present = [name for name in wanted if name in dataset.column_names]
    limit = word_limit(tokenizer.model_max_length) if max_words is None else max_words
    feature = dataset.features.get(columns.LABEL)
    preparer = TablePreparer(tokenizer, problem, feature, len(label_names), reduction, limit)
    return present, preparer.prepare


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
