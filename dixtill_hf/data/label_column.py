# SPDX-License-Identifier: Apache-2.0
"""The column `label` of a dataset: which kind of task it is for, and which texts have a label."""

from __future__ import annotations

from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, IterableDataset, Value
from numpy.typing import NDArray

from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN
from dixtill_hf.data.problem_types import (
    MULTI_LABEL,
    PROBLEM_TYPES,
    REGRESSION,
    SINGLE_LABEL,
    ProblemType,
)


def problem_type_of_column(feature: Any) -> ProblemType | None:
    """The kind of task that a column `label` is for; None if its feature is of none of them."""
    if isinstance(feature, ClassLabel):
        return PROBLEM_TYPES[SINGLE_LABEL]
    if isinstance(getattr(feature, "feature", None), ClassLabel):
        return PROBLEM_TYPES[MULTI_LABEL]
    numbers = list(feature.values()) if isinstance(feature, dict) else [feature]
    if all(isinstance(one, Value) and one.dtype.startswith("float") for one in numbers):
        return PROBLEM_TYPES[REGRESSION]
    return None


def problem_type_of(data: Dataset | IterableDataset | DatasetDict) -> ProblemType | None:
    """The kind of task that labelled data are for; None if the labels are of none of them."""
    dataset = data["train"] if isinstance(data, DatasetDict) else data
    return problem_type_of_column(dataset.features.get(LABEL))


def label_array(dataset: Dataset, problem: ProblemType, outputs: int) -> NDArray:
    """The labels of a split as a loss takes them; see `ProblemType.array`.

    Args:
        dataset: The split; without a column `label` all texts are unlabelled.
        problem: The kind of task.
        outputs: Number of outputs.
    """
    if LABEL not in dataset.column_names:
        return problem.array([None] * len(dataset), outputs)
    return problem.array(dataset.with_format(None)[LABEL][:], outputs)


def labelled_rows(dataset: Dataset) -> NDArray[np.bool_]:
    """Which texts of a split have a label, boolean `(texts,)`."""
    problem = problem_type_of(dataset)
    if problem is None:
        return np.zeros(len(dataset), bool)
    names = problem.names(dataset.features[LABEL]) or []
    return problem.is_labelled(label_array(dataset, problem, len(names)))


def has_unlabelled(dataset: Dataset) -> bool:
    """Whether a text of a split has no label."""
    return not bool(labelled_rows(dataset).all())


def missing_label(dataset: Dataset) -> int | None:
    """What the column `label` of a dataset holds of a text without a label."""
    problem = problem_type_of(dataset)
    return LABEL_UNKNOWN if problem is None else problem.missing
