# SPDX-License-Identifier: Apache-2.0
"""Annotate a dataset with its teacher's logits and word attributions, once and for any student.

Streams are annotated lazily, each batch of rows when it is first asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from datasets import (
    Dataset,
    DatasetDict,
    Features,
    IterableDataset,
    IterableDatasetDict,
    concatenate_datasets,
)

from dixtill_hf.annotation.annotator import Annotator
from dixtill_hf.annotation.matching import matched_teacher
from dixtill_hf.annotation.planning import plan_shards
from dixtill_hf.annotation.preparation import sample_rows
from dixtill_hf.annotation.shards import cache_places, first_of_each, row_keys
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.data import columns
from dixtill_hf.data.columns import TRUNCATED
from dixtill_hf.data.text_pairs import text_columns, texts_of
from dixtill_hf.explainers.base import Explainer, get_explainer
from dixtill_hf.teacher.loading import Teacher

logger = logging.getLogger(__name__)

_AnyDataset = TypeVar("_AnyDataset", Dataset, DatasetDict, IterableDataset, IterableDatasetDict)


def annotate(
    dataset: _AnyDataset,
    teacher: Teacher | str | Path,
    explainer: str | Explainer = "integrated_gradients",
    *,
    label_map: Mapping[str, str] | None = None,
    tokens_per_batch: int | None = None,
    cache_dir: str | Path | None = None,
    keep: bool = True,
    ray_options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> _AnyDataset:
    """Add the teacher's logits and word attributions for every text as columns.

    The columns do not depend on a student: one annotation serves many. They depend only on the
    text, the teacher and the explainer's settings, never on the batch.

    Nothing is computed twice. Each text's annotation is kept in `cache_dir`, in a folder for the
    teacher with these settings. An interrupted call goes on from where it stopped, on any number of
    processes; a dataset that has grown costs only its new texts; a repeated call is a look-up.
    To clear the cache, delete that folder. To keep the computed annotations, delete only its
    `assembled`, which is quickly made again from `shards`. Datasets in use are mapped from it.

    Under torchrun or accelerate, every process must make the call, and `cache_dir` must be on a
    disk that all of them share. The texts are divided among them by cost, and they wait for one
    another at the end of a split.

    A stream is annotated batch by batch as its rows are asked for, and kept in the same way, which
    takes about 24 bytes of memory for a text, and its disk space. With `keep=False` nothing is
    kept, and memory does not grow: a text is then annotated each time it is read. Of several
    processes each annotates what it reads: split the stream among them before
    (`datasets.distributed.split_dataset_by_node`).

    A Ray Dataset is annotated by Ray's actors, of which each loads the teacher, when its rows are
    asked for. The actors share `cache_dir`. The batch of an actor or node that is lost is annotated
    by another. The logits are in the teacher's own order of labels.

    A batch that does not fit into the memory of a GPU halves the budget for the rest of the call.

    Added columns:
        - `teacher_logits`: float32, one per label, in the order of the data's labels.
        - `teacher_spans`: `[start, end)` characters of each attributed piece of the text. In a
          pair they are those of a `TextPair`: the second text begins at `len(text) + 1`.
        - `teacher_attributions`: float32, one per span, not normalised; where the explainer
          explains all labels, a list of them for each label.
        - `teacher_explained_label`: the label that the attributions are for; where all are
          explained, the predicted one.

    Where a text may have several labels, or a regression has several values, these two are lists:
    of the labels that are predicted (the most probable one if none is; all values of a
    regression), and of the attributions for each of them.

    Further columns:
        - `teacher_completeness_error`: how far the sum of the attributions is from F(text) −
          F(baseline), in absolute terms (Captum's convergence delta); NaN for an explainer that
          does not promise that they are equal.
        - `teacher_evaluations`: passes of the teacher spent on the text.
        - `teacher_truncated`: whether the text goes on beyond the teacher's limit.

    A text in which the teacher finds no word (an empty one) has no spans, and error 0.

    With a column `text_pair`, each row is a pair of texts: the teacher reads both in one sequence,
    and the words of both are explained. A pair that is too long for the teacher is cut as its
    tokenizer does it: the longer text first.

    Args:
        dataset: A dataset, splits of it, a stream, or a Ray Dataset, with the column `text`, as
            from `load_text_classification`, for pairs the column `text_pair`, and the columns that
            the explainer reads (`label` for `target="true"`). It keeps its format ("torch", ...).
        teacher: A loaded teacher, or the name or path of one. A teacher given by name gets its
            labels matched with those of the column `label` (a ClassLabel); those of a loaded
            teacher must be the same. Without the column, the labels are the teacher's own.
        explainer: Name in the registry, or an explainer with its settings.
        label_map: Teacher label → data label, if the names differ; only for a teacher given by
            name or path.
        tokens_per_batch: Most tokens in memory at once. Default: what suits the device.
        cache_dir: Directory of the cache, or an fsspec URL (`s3://bucket/annotations`, extra `s3`),
            which is mirrored in the default cache. Default: `annotations` in `$DIXTILL_CACHE`, or
            in Hugging Face's cache if the variable is not set.
        keep: Whether the annotation of a stream is kept in `cache_dir`. Default True.
        ray_options: For a Ray Dataset: options of Ray's `map_batches`, such as
            `concurrency=(1, 8)` for one to eight actors and `num_gpus=1` for each. Default: one
            actor.
        **settings: Settings of the explainer if it is given by name, such as `steps=16`.

    Returns:
        The dataset with the columns added; columns of an earlier annotation are replaced.

    Raises:
        ValueError: Missing columns or texts, an unknown explainer or setting, labels that do not
            match, a teacher whose logits are not finite, processes with different datasets, or
            `keep` is False and the dataset is no stream.
        OSError: The teacher cannot be read, the cache cannot be written, or it is not shared.
        torch.cuda.OutOfMemoryError: A text does not fit into memory even by itself.
    """
    method = get_explainer(explainer, **settings)
    if tokens_per_batch is not None and tokens_per_batch < 1:
        raise ValueError(f"tokens_per_batch must be at least 1, got {tokens_per_batch}.")
    if type(dataset).__module__.startswith("ray.data"):  # Ray may not be installed
        from dixtill_hf.annotation.ray_data import annotate_ray_dataset

        return annotate_ray_dataset(
            dataset, teacher, method, label_map, tokens_per_batch, cache_dir, ray_options
        )
    if ray_options is not None:
        raise ValueError("ray_options are for a Ray Dataset: leave them out.")
    several = isinstance(dataset, (DatasetDict, IterableDatasetDict))
    splits = {
        name: _with_features(split)
        for name, split in (dataset.items() if several else [("", dataset)])
    }
    if not keep and not all(isinstance(split, IterableDataset) for split in splits.values()):
        raise ValueError("keep=False is for streams: annotations of a dataset are always kept.")
    for name, split in splits.items():
        _check_columns(split, name, method)
    teacher = matched_teacher(splits, teacher, method, label_map)
    processes = ProcessGroup.launched()
    local, remote = cache_places(cache_dir)
    annotator = Annotator.prepared(
        teacher,
        method,
        sample_rows(list(splits.values()), method),
        tokens_per_batch,
        local,
        processes,
        remote,
    )
    annotated = {
        name: annotate_stream(split, annotator, keep)
        if isinstance(split, IterableDataset)
        else _annotate_split(split, name, annotator, processes)
        for name, split in splits.items()
    }
    return type(dataset)(annotated) if several else annotated[""]


def _with_features(dataset: Dataset | IterableDataset) -> Dataset | IterableDataset:
    """A stream whose types are known, by its first rows if by nothing else."""
    return dataset._resolve_features() if isinstance(dataset, IterableDataset) else dataset


def _annotate_split(
    dataset: Dataset, name: str, annotator: Annotator, processes: ProcessGroup
) -> Dataset:
    plain = dataset.with_format(None)
    try:
        annotation = annotator.annotate(plain, name, processes)
    except ValueError as error:
        if not name:
            raise
        raise ValueError(f"Split {name!r}: {error}") from error
    truncated = pc.sum(annotation.data.column(columns.TRUNCATED)).as_py()
    if truncated and processes.is_main:
        logger.warning(
            "%d of %d texts are longer than the teacher's limit: the words beyond it get "
            "attribution 0.",
            truncated,
            len(annotation),
        )
    earlier = [column for column in annotation.column_names if column in plain.column_names]
    kept = plain.remove_columns(earlier)
    if len(kept):
        annotated = concatenate_datasets([kept, annotation], axis=1)
    else:  # of empty datasets only the first would be taken
        features = Features({**kept.features, **annotation.features})
        annotated = Dataset.from_dict({column: [] for column in features}, features=features)
    return annotated.with_format(dataset.format["type"], **dataset.format["format_kwargs"])


def _check_columns(dataset: Dataset | IterableDataset, name: str, explainer: Explainer) -> None:
    needed = [columns.TEXT, *explainer.reads]
    missing = [column for column in needed if column not in dataset.column_names]
    if missing:
        where = f" of the split {name!r}" if name else ""
        raise ValueError(
            f"The columns {missing}{where} are missing; it has {dataset.column_names}. "
            "Load the data with load_text_classification(...), which finds or renames them."
        )


def annotate_stream(
    dataset: IterableDataset, annotator: Annotator, keep: bool = True
) -> IterableDataset:
    """The stream with the added columns.

    Args:
        dataset: Its features must be known.
        annotator: Its store is opened when the first row is asked for.
        keep: Whether annotations are kept in the store.
    """
    kind = dataset._formatting.format_type if dataset._formatting else None  # it tells no other way
    annotated = dataset.with_format(None).map(
        BatchAnnotator(annotator, keep),
        with_indices=True,
        batched=True,
        batch_size=annotator.limits.texts,
        features=Features({**dataset.features, **annotator.worker.features}),
    )
    return annotated.with_format(kind)


class BatchAnnotator:
    """Adds the columns to one batch after the other, from the store where it has them.

    Args:
        annotator: Its store is opened by the first call.
        keep: Whether annotations are kept in the store. Default True.
    """

    def __init__(self, annotator: Annotator, keep: bool = True) -> None:
        self._annotator = annotator
        self._keep = keep
        self._opened = False
        self._warned = False

    def __call__(self, batch: dict[str, list[Any]], rows: list[int]) -> dict[str, list[Any]]:
        """The added columns of a batch.

        Args:
            batch: Column → values; has the text and all that the explainer reads.
            rows: The row that each text is, for messages.
        """
        table = self._kept(batch, rows) if self._keep else self._computed(batch, np.asarray(rows))
        added = table.to_pydict()
        if any(added[TRUNCATED]) and not self._warned:
            logger.warning(
                "Texts, of which row %d is the first, are longer than the teacher's limit: the "
                "words beyond it get attribution 0.",
                rows[added[TRUNCATED].index(True)],
            )
            self._warned = True
        return added

    def _kept(self, batch: dict[str, list[Any]], rows: list[int]) -> pa.Table:
        """The added columns, those that the store does not have computed first."""
        if not self._opened:
            self._annotator.open(ProcessGroup())
            self._opened = True
        keys = row_keys(batch, self._annotator.worker.explainer.reads, rows)
        self._complete(batch, keys, np.asarray(rows))
        return self._annotator.store.rows(keys, self._annotator.worker.schema)

    def _computed(self, batch: dict[str, list[Any]], rows: np.ndarray) -> pa.Table:
        """The added columns, computed and not kept."""
        row_keys(batch, self._annotator.worker.explainer.reads, rows)  # names rows without a text
        return self._annotator.worker.annotate(batch, rows.tolist())

    def _complete(self, batch: dict[str, list[Any]], keys: np.ndarray, rows: np.ndarray) -> None:
        """Annotate the texts that the store does not have."""
        worker, store = self._annotator.worker, self._annotator.store
        first = first_of_each(keys)
        left = first[~store.index.has(keys[first])]
        if not len(left):
            return
        texts = texts_of(batch)
        costs = worker.costs([texts[index] for index in left])
        for shard in plan_shards(np.zeros(len(left), int), costs, self._annotator.limits):
            chosen = left[shard.texts]
            part = {
                name: [batch[name][index] for index in chosen]
                for name in (*text_columns(batch), *worker.explainer.reads)
            }
            table = worker.annotate(part, rows[chosen].tolist())
            store.index.add(store.write(keys[chosen], table), keys[chosen])
