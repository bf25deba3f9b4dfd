# SPDX-License-Identifier: Apache-2.0
"""Annotate a Ray Dataset: each actor of Ray Data has the teacher, and all share the cache.

Ray hands out batches, starts and ends actors, and gives the batch of one that was lost to another.
What an actor has finished is in the cache, so a second run computes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from dixtill_hf.annotation.annotate import BatchAnnotator
from dixtill_hf.annotation.annotator import Annotator
from dixtill_hf.annotation.shards import cache_places, default_cache_dir
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.text_pairs import text_columns
from dixtill_hf.explainers.base import Explainer
from dixtill_hf.teacher.loading import Teacher, load_teacher

if TYPE_CHECKING:
    from ray.data import Dataset as RayDataset

_ROWS_A_BATCH = 256


@dataclass(frozen=True)
class AnnotatorSettings:
    """What an actor makes its annotator of; it is sent to each of them.

    Attributes:
        teacher: Name or path of the teacher, which every node can read.
        explainer: The explainer.
        sample: Rows that it is prepared with.
        tokens_per_batch: Most tokens in memory at once; None takes what suits the device.
        cache_dir: The cache, which every node can read and write.
    """

    teacher: str
    explainer: Explainer
    sample: Sequence[Mapping[str, Any]]
    tokens_per_batch: int | None
    cache_dir: str


class AnnotatorActor:
    """Adds the columns of `annotate` to one table after the other."""

    def __init__(self, settings: AnnotatorSettings) -> None:
        """Load the teacher."""
        processes = ProcessGroup()
        local, remote = cache_places(settings.cache_dir)
        annotator = Annotator.prepared(
            load_teacher(settings.teacher),
            settings.explainer,
            settings.sample,
            settings.tokens_per_batch,
            local,
            processes,
            remote,
        )
        self._features = annotator.worker.features
        self._annotate = BatchAnnotator(annotator)
        self._reads = annotator.worker.explainer.reads

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the columns; those of an earlier annotation are replaced."""
        batch = {
            name: table[name].to_pylist()
            for name in (*text_columns(table.column_names), *self._reads)
        }
        added = self._annotate(batch, list(np.arange(len(table))))
        schema = self._features.arrow_schema
        kept = table.drop_columns([name for name in schema.names if name in table.column_names])
        for field in schema:
            kept = kept.append_column(field, pa.array(added[field.name], field.type))
        return kept


def annotate_ray_dataset(
    dataset: RayDataset,
    teacher: Teacher | str | Path,
    explainer: Explainer,
    label_map: Mapping[str, str] | None,
    tokens_per_batch: int | None,
    cache_dir: str | Path | None,
    ray_options: Mapping[str, Any] | None,
) -> RayDataset:
    """The dataset with the columns of `annotate`, computed when they are asked for.

    Args:
        dataset: The texts. A column `label` is passed on, and not matched with the teacher's.
        teacher: Name or path of the teacher.
        explainer: The explainer.
        label_map: Refused: a Ray Dataset has no names of labels to match.
        tokens_per_batch: Most tokens in memory at once.
        cache_dir: The cache, which every node can read and write.
        ray_options: Options of Ray's `map_batches`, such as `concurrency=(1, 8)` and `num_gpus=1`.

    Raises:
        TypeError: The teacher is loaded already.
        ValueError: A column is missing, or a label map is given.
    """
    if isinstance(teacher, Teacher):
        raise TypeError(
            "Ray's actors load the teacher themselves: give its name or path, which every node "
            "can read."
        )
    if label_map is not None:
        raise ValueError(
            "A Ray Dataset has no names of labels, so its logits are in the teacher's own order: "
            "leave label_map out, and match the labels when you train."
        )
    names = dataset.columns() or []
    needed = [*text_columns(names), *explainer.reads]
    missing = [name for name in needed if name not in names]
    if missing:
        raise ValueError(f"The columns {missing} are missing; the dataset has {names}.")
    if LABEL in explainer.reads:
        raise ValueError(
            "An explainer that reads the labels (target='true') needs their names, which a Ray "
            "Dataset does not have: take target='predicted'."
        )
    wanted = explainer.texts_to_prepare
    sample = dataset.select_columns(needed).take(wanted) if wanted else []
    settings = AnnotatorSettings(
        str(teacher),
        explainer,
        [row for row in sample if all(isinstance(row[name], str) for name in text_columns(names))],
        tokens_per_batch,
        str(cache_dir or default_cache_dir()),
    )
    options = {"concurrency": 1, "batch_size": _ROWS_A_BATCH, **(ray_options or {})}
    return dataset.map_batches(
        AnnotatorActor,
        fn_constructor_args=(settings,),
        batch_format="pyarrow",
        **options,
    )
