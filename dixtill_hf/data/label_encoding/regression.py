# SPDX-License-Identifier: Apache-2.0
"""Numbers to predict: of any type or written as text, in one column or several."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from datasets import Dataset, DatasetDict

from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.label_encoding.checks import refuse_missing
from dixtill_hf.data.problem_types import PROBLEM_TYPES, REGRESSION, VALUE_NAME

REAL = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


def encode_values(
    data: DatasetDict, names: Sequence[str] | None = None, unlabelled: bool = False
) -> DatasetDict:
    """Bring the label column of every split to float32, or to float32 by name.

    Args:
        data: The splits; one without a label column is wholly unlabelled.
        names: Names of the values in the order wanted, if there are several: those of the columns.
        unlabelled: Whether values may be missing (null, or an empty cell).

    Returns:
        The splits with the new label column.

    Raises:
        ValueError: If values are missing or no finite numbers, or the names do not fit them.
    """
    raw = {split: _raw_values(dataset, split) for split, dataset in data.items()}
    if not unlabelled:
        refuse_missing(raw)
    columns = _columns(data["train"])
    if names is not None and sorted(names) != sorted(columns):
        raise ValueError(
            f"label_names {list(names)} do not fit the values of a regression, {columns}: leave "
            "them out, or give the same names in the order wanted."
        )
    order = list(names or columns)
    feature = PROBLEM_TYPES[REGRESSION].feature(order)
    encoded = {}
    for split, dataset in data.items():
        column: list[Any] = raw[split]
        if len(order) > 1:
            column = [value and {name: value[name] for name in order} for value in column]
        else:
            column = [value and value[order[0]] for value in column]
        if LABEL in dataset.column_names:
            dataset = dataset.remove_columns(LABEL)
        encoded[split] = dataset.add_column(LABEL, column, feature=feature)
    return DatasetDict(encoded)


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, or a text that is one."""
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return REAL.fullmatch(value) is not None
    return isinstance(value, int | float) and math.isfinite(value)


def _columns(train: Dataset) -> list[str]:
    feature = train.features.get(LABEL)
    return list(feature) if isinstance(feature, dict) else [VALUE_NAME]


def _raw_values(dataset: Dataset, split: str) -> list[dict[str, float] | None]:
    """The values of a split by name, None if one of a text is missing."""
    if LABEL not in dataset.column_names:
        return [None] * len(dataset)
    found: list[dict[str, float] | None] = []
    for row, value in enumerate(dataset.with_format(None)[LABEL][:]):
        values = value if isinstance(value, dict) else {VALUE_NAME: value}
        wrong = [one for one in values.values() if not (_is_missing(one) or is_number(one))]
        if wrong:
            raise ValueError(
                f"Row {row} of split {split!r} (counted from 0) has the value {wrong[0]!r}, which "
                "is no finite number, and a regression predicts numbers (with a point, such as "
                "0.5). Correct it, name another column: label_column=..., or another task: "
                "problem_type='single_label_classification'."
            )
        known = not any(map(_is_missing, values.values()))
        found.append({name: float(one) for name, one in values.items()} if known else None)
    return found


def _is_missing(value: Any) -> bool:
    return value is None or value == "" or value != value
