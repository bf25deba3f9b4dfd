# SPDX-License-Identifier: Apache-2.0
"""The teacher of given data, with its labels in the order of theirs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from datasets import Dataset, IterableDataset, Value
from transformers import PretrainedConfig

from dixtill_hf.data import columns
from dixtill_hf.data.columns import TEXT_PAIR
from dixtill_hf.data.label_column import problem_type_of
from dixtill_hf.data.labels import label_names
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.explainers.several_outputs import check_output
from dixtill_hf.teacher.checkpoints import label_names_of, load_config
from dixtill_hf.teacher.loading import LabelMismatchError, Teacher, check_same_labels, load_teacher


def matched_teacher(
    splits: Mapping[str, Dataset | IterableDataset],
    teacher: Teacher | str | Path,
    explainer: Explainer,
    label_map: Mapping[str, str] | None,
) -> Teacher:
    """The teacher, loaded, with its labels in the order of those of the data.

    Args:
        splits: The data, whose features are known.
        teacher: As for `annotate`.
        explainer: The explainer, which must be able to explain this teacher.
        label_map: As for `annotate`.

    Raises:
        ValueError: The labels do not match, the explainer and the teacher do not, or texts are
            pairs in some splits only or for a teacher of single texts.
    """
    if isinstance(teacher, Teacher):
        check_same_labels(teacher, _names_of_labels(splits), _problem_type_of(splits))
    else:
        data_labels = _data_labels(splits, explainer)
        if data_labels is None:
            _refuse_labels_without_names(splits, load_config(teacher))
        problem_type = _problem_type_of(splits)
        teacher = load_teacher(teacher, data_labels, label_map, problem_type=problem_type)
    check_output(explainer, teacher)
    _check_pairs(splits, teacher)
    return teacher


def _check_pairs(splits: Mapping[str, Dataset | IterableDataset], teacher: Teacher) -> None:
    """Refuse pairs in some splits only, and a teacher that cannot read them."""
    pairs = [name for name, split in splits.items() if TEXT_PAIR in split.column_names]
    if 0 < len(pairs) < len(splits):
        raise ValueError(
            f"Only the splits {pairs} have the column {TEXT_PAIR!r}, so that their texts are pairs:"
            " annotate them apart from the others."
        )
    if pairs and not teacher.reads_pairs:
        raise ValueError(
            f"The teacher {teacher.name!r} ({type(teacher).__name__}) reads single texts, and the "
            f"data are pairs of texts (column {TEXT_PAIR!r}). Choose a classifier of pairs."
        )


def _data_labels(
    splits: Mapping[str, Dataset | IterableDataset], explainer: Explainer
) -> list[str] | None:
    """The names that a teacher's labels are matched with; None where the data have none.

    Raises:
        ValueError: The explainer reads the labels, and they have no names.
    """
    names = _names_of_labels(splits)
    if names is None and columns.LABEL in explainer.reads:
        return label_names(next(iter(splits.values())))
    return names


def _names_of_labels(splits: Mapping[str, Dataset | IterableDataset]) -> list[str] | None:
    """The labels of the first split with class labels; None where there is none."""
    for split in splits.values():
        problem = problem_type_of(split)
        if problem is not None:
            return problem.names(split.features[columns.LABEL])
    return None


def _problem_type_of(splits: Mapping[str, Dataset | IterableDataset]) -> str | None:
    """The kind of task of the first split with labels of one; None where there is none."""
    found = (problem_type_of(split) for split in splits.values())
    return next((problem.name for problem in found if problem is not None), None)


def _refuse_labels_without_names(
    splits: Mapping[str, Dataset | IterableDataset], config: PretrainedConfig
) -> None:
    """Refuse labels whose order is not known by name: the teacher's may be another one."""
    names = label_names_of(config)
    numbered = all(re.fullmatch(r"LABEL_\d+", name) for name in names)
    for split in splits.values():
        feature = split.features.get(columns.LABEL)
        unclear = isinstance(feature, Value) and problem_type_of(split) is None
        if not unclear or (numbered and "int" in feature.dtype):
            continue
        if _has_labels(split):
            raise LabelMismatchError(
                f"The column {columns.LABEL!r} holds {feature.dtype}, not class labels, so they "
                f"cannot be matched by name with the teacher's, {names}. Load the data with "
                "load_text_classification(..., label_names=[...]), or "
                "name them: dataset.cast_column('label', ClassLabel(names=[...])) for numbers, "
                "dataset.class_encode_column('label') for words."
            )


def _has_labels(split: Dataset | IterableDataset) -> bool:
    """Whether a text has a label; of a stream it is not known, so that it may."""
    if isinstance(split, IterableDataset):
        return True
    missing = (None, "", columns.GLUE_UNKNOWN, columns.LABEL_UNKNOWN)
    return any(label not in missing for label in split.with_format(None)[columns.LABEL])
