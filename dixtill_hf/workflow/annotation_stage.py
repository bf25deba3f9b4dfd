# SPDX-License-Identifier: Apache-2.0
"""Annotate the splits of a run with the teacher's logits and attributions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict, load_from_disk

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.annotator import ENGINE_VERSION
from dixtill_hf.annotation.ensemble import annotate_cross_fitted
from dixtill_hf.data.columns import LABEL, TEACHER_LOGITS
from dixtill_hf.data.label_column import labelled_rows
from dixtill_hf.teacher.ensemble import TeacherEnsemble
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import RunData
from dixtill_hf.workflow.teacher_stage import RunTeacher


@dataclass(frozen=True)
class Annotation:
    """The annotated splits of a run.

    Attributes:
        splits: The splits, with the columns that `annotate` adds.
        directory: Where they are saved, for `load_from_disk`.
        fingerprint: Hash of all that they depend on.
    """

    splits: DatasetDict
    directory: Path
    fingerprint: str


def annotate_data(context: RunContext, data: RunData, teacher: RunTeacher) -> Annotation:
    """Annotate every split, and keep the result as `annotated/`.

    Several processes share the work if each of them makes the call. The main one keeps the result,
    and none goes on before it is there.
    """
    explainer = context.explainer
    depends_on = [ENGINE_VERSION, data.fingerprint, teacher.fingerprint, explainer.settings()]

    def make(directory: Path) -> dict[str, Any]:
        if isinstance(teacher.model, TeacherEnsemble):
            annotated = annotate_cross_fitted(
                data.splits, teacher.model, explainer, **context.annotation_settings
            )
        else:
            annotated = annotate(
                data.splits, teacher.model, explainer, **context.annotation_settings
            )
        if context.teacher_source.prompted:
            annotated = labelled_by_teacher(annotated)
        if context.cache.processes.is_main:
            annotated.save_to_disk(str(directory))
        return {"explainer": explainer.settings()}

    with context.cache.timed("annotate", depends_on):
        output = context.cache.output("annotated", depends_on, make)
        annotated = load_from_disk(str(output.directory))
    return Annotation(annotated, output.directory, output.fingerprint)


def labelled_by_teacher(annotated: DatasetDict) -> DatasetDict:
    """The splits, with the teacher's labels on validation and test texts if none there has one.

    What is measured on them is then the agreement with the teacher. Training texts stay as they
    are: students learn from the teacher's logits.
    """
    filled = dict(annotated)
    for name in without_labels(annotated):
        split = annotated[name]
        predicted = np.asarray(split[TEACHER_LOGITS]).argmax(-1)
        feature = split.features[LABEL]
        filled[name] = split.remove_columns(LABEL).add_column(LABEL, predicted, feature=feature)
    return DatasetDict(filled)


def without_labels(data: DatasetDict) -> list[str]:
    """The names of the splits other than `train` in which no text has a label."""
    return [name for name in data if name != "train" and not labelled_rows(data[name]).any()]


def load_annotated(directory: str | Path, split: str) -> DatasetDict:
    """Annotated splits that were saved, of which one is needed.

    Raises:
        FileNotFoundError: There is no saved dataset.
        ValueError: It is one without splits, or without this one.
    """
    data = load_from_disk(str(directory))
    if not isinstance(data, DatasetDict):
        raise ValueError(
            f"{str(directory)!r} holds a dataset without splits: save it as "
            f"DatasetDict({{{split!r}: dataset}}).save_to_disk(...)."
        )
    if split not in data:
        raise ValueError(f"There is no split {split!r}, only {', '.join(data)}.")
    return data
