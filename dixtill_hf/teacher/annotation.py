# SPDX-License-Identifier: Apache-2.0
"""Annotate a dataset with its teacher's logits and word attributions, once and for any student."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from datasets import ClassLabel, Dataset, DatasetDict, concatenate_datasets

from dixtill_hf.data import columns
from dixtill_hf.data.labels import label_names
from dixtill_hf.teacher import integrated_gradients  # noqa: F401 - registers the explainer
from dixtill_hf.teacher.annotator import FEATURES, Annotator
from dixtill_hf.teacher.explainers import Explainer, get_explainer
from dixtill_hf.teacher.loading import Teacher, load_teacher
from dixtill_hf.teacher.store import default_cache_dir

logger = logging.getLogger(__name__)

_AnyDataset = TypeVar("_AnyDataset", Dataset, DatasetDict)


def annotate(
    dataset: _AnyDataset,
    teacher: Teacher | str | Path,
    explainer: str | Explainer = "integrated_gradients",
    *,
    label_map: Mapping[str, str] | None = None,
    tokens_per_batch: int | None = None,
    cache_dir: str | Path | None = None,
    **settings: Any,
) -> _AnyDataset:
    """Add what a teacher says of every text, and why, as columns.

    The columns know no student: one annotation serves many. They depend on the texts, the
    teacher and the explainer's settings alone, never on the batch. Finished parts are kept in
    `cache_dir`: the same call is then a look-up, and an interrupted one goes on where it stopped.

    Under torchrun or accelerate, every process must make the call: each annotates its share and
    finds the others' in `cache_dir`, which must be on a disk that all of them share. They wait for
    one another only at the end of a split, for as long as their shares differ in length.

    A batch that does not fit into the memory of a GPU halves the budget for the rest of the call.

    Added columns:
        - `teacher_logits`: float32, one per label, in the order of the data's labels.
        - `teacher_spans`: `[start, end)` characters of each attributed token of the teacher.
        - `teacher_attributions`: float32, one per span, signed, not normalised.
        - `teacher_explained_label`: the label that the attributions are for.
        - `teacher_completeness_error`: |Σ attributions − (F(text) − F(baseline))|.
        - `teacher_evaluations`: passes of the teacher spent on the text.
        - `teacher_truncated`: whether the text goes on beyond the teacher's limit.

    Args:
        dataset: With a column `text`, as from `load_text_classification`; and with `label` where
            the explainer needs it (`target="true"`). It keeps its format ("torch", "numpy", ...).
        teacher: A loaded teacher, or the name or path of one. Its labels are matched with those of
            `label`, a ClassLabel; without one, the data's labels are the teacher's own.
        explainer: Name in the registry, or an explainer with its settings.
        label_map: Teacher label → data label where the names differ; with a name or path only.
        tokens_per_batch: Most tokens in memory at once; None takes what suits the device.
        cache_dir: Defaults to `annotations` in `$DIXTILL_CACHE`, else in Hugging Face's cache.
        **settings: Of the explainer, when it is given by name (`steps=16`).

    Returns:
        The dataset with the columns added; columns of an earlier annotation are replaced.

    Raises:
        ValueError: Missing columns, an unknown explainer or setting, labels that do not match,
            or a teacher whose logits are not finite.
        OSError: The teacher cannot be read, the cache cannot be written, or it is not shared.
        torch.cuda.OutOfMemoryError: A text does not fit into memory even by itself.
    """
    method = get_explainer(explainer, **settings)
    if tokens_per_batch is not None and tokens_per_batch < 1:
        raise ValueError(f"tokens_per_batch must be at least 1, got {tokens_per_batch}.")
    splits = dataset if isinstance(dataset, DatasetDict) else {"": dataset}
    for name, split in splits.items():
        _check_columns(split, name, method)
    if not isinstance(teacher, Teacher):
        teacher = load_teacher(teacher, _data_labels(splits, method), label_map)
    job = Annotator(teacher, method, tokens_per_batch, Path(cache_dir or default_cache_dir()))
    annotated = {name: _annotate_split(split, name, job) for name, split in splits.items()}
    return DatasetDict(annotated) if isinstance(dataset, DatasetDict) else annotated[""]


def _annotate_split(dataset: Dataset, name: str, job: Annotator) -> Dataset:
    plain = dataset.with_format(None)
    texts = plain[columns.TEXT][:]
    # Labels that the explainer does not read must not make it compute anew either.
    labels = plain[columns.LABEL][:] if job.explainer.uses_labels else None
    annotation = job.annotate(texts, labels or [columns.LABEL_UNKNOWN] * len(texts), name)
    truncated = sum(annotation[columns.TRUNCATED])
    if truncated:
        logger.warning(
            "%d of %d texts are longer than the teacher's limit: the words beyond it get "
            "attribution 0.",
            truncated,
            len(annotation),
        )
    earlier = [column for column in FEATURES if column in plain.column_names]
    annotated = concatenate_datasets([plain.remove_columns(earlier), annotation], axis=1)
    return annotated.with_format(dataset.format["type"], **dataset.format["format_kwargs"])


def _check_columns(dataset: Dataset, name: str, explainer: Explainer) -> None:
    needed = [columns.TEXT, columns.LABEL] if explainer.uses_labels else [columns.TEXT]
    missing = [column for column in needed if column not in dataset.column_names]
    if missing:
        where = f" of the split {name!r}" if name else ""
        raise ValueError(
            f"The columns {missing}{where} are missing; it has {dataset.column_names}. "
            "Load the data with load_text_classification(...), which finds or renames them."
        )


def _data_labels(splits: Mapping[str, Dataset], explainer: Explainer) -> list[str] | None:
    """The names that the teacher's labels are matched with; None where the data have none."""
    named = [
        split
        for split in splits.values()
        if explainer.uses_labels or isinstance(split.features.get(columns.LABEL), ClassLabel)
    ]
    return label_names(named[0]) if named else None
