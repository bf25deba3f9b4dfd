# SPDX-License-Identifier: Apache-2.0
"""Labels of any source brought to the column of their kind of task, which is found or given."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from datasets import ClassLabel, Dataset, DatasetDict, Value

from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.label_column import problem_type_of
from dixtill_hf.data.label_encoding.checks import is_missing
from dixtill_hf.data.label_encoding.multi_label import (
    LIST,
    SEPARATORS,
    encode_multi_labels,
    truth_value,
)
from dixtill_hf.data.label_encoding.regression import encode_values, is_number
from dixtill_hf.data.label_encoding.single_label import encode_single_labels
from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL, get_problem_type

logger = logging.getLogger(__name__)

_ENCODERS: dict[str, Callable[[DatasetDict, Sequence[str] | None, bool], DatasetDict]] = {
    SINGLE_LABEL: encode_single_labels,
    MULTI_LABEL: encode_multi_labels,
    REGRESSION: encode_values,
}
_FEWEST_NAMES = {SINGLE_LABEL: 2, MULTI_LABEL: 1, REGRESSION: 1}


def label_names(data: Dataset | DatasetDict) -> list[str]:
    """Return the names of the labels in the order of the logits.

    Those of a regression are the names of its values: "score" if there is only one.

    Raises:
        ValueError: If the labels have no names, as in a dataset of unlabelled text.
    """
    dataset = data["train"] if isinstance(data, DatasetDict) else data
    feature = dataset.features.get(LABEL)
    problem = problem_type_of(dataset)
    names = None if problem is None else problem.names(feature)
    if names is None:
        raise ValueError(
            f"The column {LABEL!r} holds {feature}, not class labels, so the labels have no names. "
            "Load the data with label_names=[...]."
        )
    return names


def encode_labels(
    data: DatasetDict,
    names: Sequence[str] | None = None,
    unlabelled: bool = False,
    problem_type: str | None = None,
) -> DatasetDict:
    """Bring the label column of every split to that of its kind of task.

    `encode_single_labels`, `encode_multi_labels` and `encode_values` say how labels are read. If
    the kind of task is found and is not one label a text, a log line says so.

    Args:
        data: The splits; one without a label column is wholly unlabelled.
        names: Names of the labels, in the order wanted.
        unlabelled: Whether labels may be missing. They then need not occur in train.
        problem_type: Name of the kind of task in `PROBLEM_TYPES`. Default: that of the labels of
            train. Lists, joined names, and columns of 0 and 1 are several labels a text; numbers
            that are not all whole are values of a regression; all else is one label a text.

    Returns:
        The splits with the new label column.

    Raises:
        TypeError: If `names` is no list of strings.
        ValueError: If the kind of task is unknown, or labels are missing, unknown, of another kind
            of task, or strings that differ only in case or outer spaces.
    """
    chosen = find_problem_type(data, names) if problem_type is None else problem_type
    get_problem_type(chosen)
    if names is not None:
        _check_names(names, _FEWEST_NAMES[chosen])
    encoded = _ENCODERS[chosen](data, names, unlabelled)
    if problem_type is None and chosen != SINGLE_LABEL:
        found = label_names(encoded)
        what = f"{len(found)} labels" if chosen == MULTI_LABEL else ", ".join(found)
        logger.warning(
            "The labels are those of %s (%s). If that is wrong, give problem_type=%s.",
            chosen,
            what,
            SINGLE_LABEL,
        )
    return encoded


def find_problem_type(data: DatasetDict, names: Sequence[str] | None = None) -> str:
    """The kind of task that the labels of train are of, as they are written.

    Args:
        data: The splits, as they were read.
        names: Names of the labels, if they are given: what is one of them is one label.
    """
    train = data["train"]
    feature = train.features.get(LABEL)
    if feature is None or isinstance(feature, ClassLabel):
        return SINGLE_LABEL
    values = [value for value in train.with_format(None)[LABEL][:] if not _is_missing(value)]
    if isinstance(feature, dict):
        cells = [cell for value in values for cell in value.values() if not is_missing(cell)]
        return MULTI_LABEL if all(truth_value(cell) is not None for cell in cells) else REGRESSION
    if not isinstance(feature, Value):
        return MULTI_LABEL
    found = {str(value) for value in values} - set(names or ())
    if _are_several(found):
        return MULTI_LABEL
    fractions = names is None and any("." in one and float(one) % 1 for one in _numbers(found))
    return REGRESSION if fractions and all(map(is_number, found)) else SINGLE_LABEL


def _is_missing(value: object) -> bool:
    return value is None or value == "" or value != value


def _numbers(found: set[str]) -> list[str]:
    return [one for one in found if is_number(one)]


def _are_several(found: set[str]) -> bool:
    """Whether some cells are several labels of one text.

    Those are lists, and names joined by a separator each of which is the label of another text.
    """
    parts = {
        label: [part.strip() for part in SEPARATORS.split(label)]
        for label in found
        if SEPARATORS.search(label)
    }
    single = found - set(parts)
    return any(
        LIST.fullmatch(label) or (label in parts and single.issuperset(parts[label]))
        for label in found
    )


def _check_names(names: Sequence[str], fewest: int) -> None:
    if isinstance(names, str) or not all(isinstance(name, str) and name for name in names):
        raise TypeError(f"label_names must be a list of names, got {names!r}.")
    if len(names) < fewest or len(set(names)) != len(names):
        least = "two or more" if fewest == 2 else "one or more"
        raise ValueError(f"label_names must be {least} different names, got {list(names)}.")
