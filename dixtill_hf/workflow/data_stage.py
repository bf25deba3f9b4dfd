# SPDX-License-Identifier: Apache-2.0
"""Load the data of a run, and tell what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.data.checks import check_classes
from dixtill_hf.data.columns import LABEL, RATIONALE, TEXT, TEXT_PAIR
from dixtill_hf.data.label_column import label_array, labelled_rows, problem_type_of
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.loading import add_unlabelled_texts, load_text_classification
from dixtill_hf.data.problem_types import PROBLEM_TYPES, SINGLE_LABEL, ProblemType
from dixtill_hf.data.splitting import hold_out
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.recipe import DataArguments


@dataclass(frozen=True)
class RunData:
    """The data of a run.

    Attributes:
        source: What the recipe calls them.
        splits: The splits `train`, `validation` and `test`.
    """

    source: str
    splits: DatasetDict

    @cached_property
    def fingerprint(self) -> str:
        """Hash of texts, labels, rationales, further columns and label names of all splits."""
        return data_fingerprint(self.splits)

    @property
    def problem_type(self) -> ProblemType:
        """The kind of task that the labels are of."""
        return problem_type_of(self.splits) or PROBLEM_TYPES[SINGLE_LABEL]

    @property
    def train_texts(self) -> list[str]:
        """The training texts."""
        return texts_of(self.splits["train"])

    def describe(self) -> dict[str, Any]:
        """Source, fingerprint, labels, and how many texts have each, as JSON values."""
        return describe_dataset(self.source, self.splits, self.fingerprint)


def load_run_data(context: RunContext, require_test: bool = True) -> RunData:
    """Read and check the data of a run; see `load_data`."""
    arguments, reads = context.recipe.data, context.explainer.reads
    if context.teacher_source.prompted:
        arguments = replace(
            arguments,
            unlabelled=True,
            label_names=_labels_of_prompt(arguments.label_names, context.recipe.teacher.labels),
        )
    with context.cache.timed("load", context.recipe.to_dict()):
        return RunData(arguments.source, load_data(arguments, require_test, reads))


def _labels_of_prompt(of_data: list[str] | None, of_prompt: list[str] | None) -> list[str] | None:
    if of_data is not None and of_prompt is not None and set(of_data) != set(of_prompt):
        raise ValueError(
            f"label_names {of_data} and labels {of_prompt} are not the same: the teacher's labels "
            "are the data's. Leave one of the two out, or correct it."
        )
    return of_data or of_prompt


def load_data(
    arguments: DataArguments, require_test: bool = True, keep_columns: Sequence[str] = ()
) -> DatasetDict:
    """Read and check the data of a recipe: `load_text_classification`, `add_unlabelled_texts`.

    Args:
        arguments: The data's part of a recipe.
        require_test: Whether the lack of a test split is an error.
        keep_columns: Further columns that the explainer reads.

    Raises:
        ValueError: The data fail a check, or a subset of them would be too small.
    """
    for name in ("max_train_texts", "max_test_texts"):
        value = getattr(arguments, name)
        if value is not None and value < 2:
            raise ValueError(f"{name} must be at least 2, got {value}.")
    data = load_text_classification(
        arguments.source,
        text_column=arguments.text_column,
        text_pair_column=arguments.text_pair_column,
        label_column=arguments.label_column,
        label_names=arguments.label_names,
        problem_type=arguments.problem_type,
        test_source=arguments.test_source,
        validation_fraction=arguments.validation_fraction,
        test_fraction=arguments.test_fraction,
        seed=arguments.data_seed,
        config_name=arguments.config_name,
        require_test=require_test,
        splits=arguments.splits,
        unlabelled=arguments.unlabelled,
        keep_columns=keep_columns,
    )
    if arguments.max_train_texts is not None:
        data["train"] = _subset(data["train"], arguments.max_train_texts, arguments.data_seed)
        if not arguments.unlabelled:
            check_classes(data)  # a rare label may have been left out
    if arguments.unlabelled_source is not None:  # while all texts of the test split are known
        data = add_unlabelled_texts(
            data, arguments.unlabelled_source, arguments.text_column, arguments.text_pair_column
        )
    if arguments.max_test_texts is not None and "test" in data:
        data["test"] = _subset(data["test"], arguments.max_test_texts, arguments.data_seed)
    return data


def _subset(split: Dataset, size: int, seed: int) -> Dataset:
    """A stratified random subset of a split, with a text of every label.

    The whole split if it is no larger; a few texts more if there are very many labels.
    """
    return hold_out(split, 1 - size / len(split), seed)[0] if size < len(split) else split


def data_fingerprint(data: DatasetDict) -> str:
    """Hash of the texts, labels, rationales, further columns and label names of all splits."""
    return hash_json(
        {
            "labels": label_names(data),
            **{
                name: [
                    hash_texts(split[TEXT]),
                    hash_json(list(split[LABEL])),
                    hash_json(list(split[RATIONALE]) if RATIONALE in split.column_names else None),
                    *(
                        hash_json([column, list(split[column])])
                        for column in sorted({*split.column_names} - {TEXT, LABEL, RATIONALE})
                    ),
                ]
                for name, split in data.items()
            },
        }
    )


def describe_dataset(source: str, data: DatasetDict, fingerprint: str) -> dict[str, Any]:
    """Source, fingerprint, kind of task, labels, and how many texts have each, as JSON values."""
    names = label_names(data)
    problem = problem_type_of(data) or PROBLEM_TYPES[SINGLE_LABEL]
    return {
        "source": source,
        "fingerprint": fingerprint,
        "problem_type": problem.name,
        "labels": names,
        **({"text_pairs": True} if TEXT_PAIR in data["train"].column_names else {}),
        "splits": {split: len(rows) for split, rows in data.items()},
        "labelled": {split: int(labelled_rows(rows).sum()) for split, rows in data.items()},
        "label_counts": {
            split: _count_labels(rows, problem, names) for split, rows in data.items()
        },
    }


def _count_labels(split: Dataset, problem: ProblemType, names: Sequence[str]) -> dict[str, int]:
    """How many texts have each label; nothing in a regression, where there are none to count."""
    if not problem.is_classification:
        return {}
    labels = label_array(split, problem, len(names))
    if labels.ndim == 1:
        counts = np.bincount(labels[labels >= 0], minlength=len(names))
    else:
        counts = np.nansum(labels, axis=0).astype(int)
    return dict(zip(names, counts.tolist(), strict=True))
