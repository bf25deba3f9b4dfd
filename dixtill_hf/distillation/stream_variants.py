# SPDX-License-Identifier: Apache-2.0
"""Variants of the texts of a stream, made and labelled by the teacher as it flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Features, IterableDataset

from dixtill_hf.annotation.annotate import BatchAnnotator
from dixtill_hf.annotation.annotator import Annotator
from dixtill_hf.annotation.matching import matched_teacher
from dixtill_hf.annotation.preparation import sample_rows
from dixtill_hf.annotation.shards import cache_places
from dixtill_hf.artifacts.process_group import ProcessGroup
from dixtill_hf.data.columns import (
    EXPLAINED_LABEL,
    LABEL,
    TEACHER_ATTRIBUTIONS,
    TEACHER_LOGITS,
    TEACHER_SPANS,
    TEXT,
)
from dixtill_hf.data.label_column import missing_label
from dixtill_hf.data.text_pairs import refuse_pairs
from dixtill_hf.distillation.augmentation import text_variants
from dixtill_hf.distillation.streams import is_split
from dixtill_hf.explainers.base import Explainer, get_explainer
from dixtill_hf.teacher.loading import Teacher

_ANNOTATION = (TEACHER_LOGITS, TEACHER_SPANS, TEACHER_ATTRIBUTIONS, EXPLAINED_LABEL)
_TEXTS_AT_ONCE = 1000


def add_variants(
    stream: IterableDataset,
    teacher: Teacher | str | Path,
    per_text: int = 4,
    seed: int = 0,
    *,
    explained: int = 0,
    explainer: str | Explainer = "integrated_gradients",
    similar: Mapping[str, Sequence[str]] | None = None,
    label_map: Mapping[str, str] | None = None,
    tokens_per_batch: int | None = None,
    cache_dir: str | Path | None = None,
    keep: bool = True,
) -> IterableDataset:
    """Put variants behind the texts of an annotated stream, labelled by the teacher as they flow.

    It does for a stream what `label_variants` and `add_teacher_labelled_texts` do for a dataset.
    The variants of 1,000 texts come behind these texts; a variant that takes its end from another
    text takes it from one of them. The same row always has the same variants.

    Args:
        stream: A stream with the columns of `annotate`. Of several processes, each must read a part
            of its own (`datasets.distributed.split_dataset_by_node`).
        teacher: The teacher, or its name or path.
        per_text: Variants of each text, at least 1. Default 4.
        seed: Seed of the random variants.
        explained: As for `label_variants`. Default 0.
        explainer: As for `label_variants`. Default "integrated_gradients".
        similar: As for `label_variants`. Default: no word is replaced.
        label_map: As for `annotate`.
        tokens_per_batch: As for `annotate`.
        cache_dir: As for `annotate`.
        keep: As for `annotate`. Default True.

    Returns:
        The texts and their variants, without a label of their own, with the columns `text`, `label`
        (if the stream has it) and those of the teacher.

    Raises:
        ValueError: The stream is not annotated, a number is out of its range, or the teacher's
            labels do not match.
    """
    processes = ProcessGroup.launched()
    stream = stream._resolve_features()
    _check(stream, per_text, explained, processes)
    method, none = get_explainer(explainer), get_explainer("none")
    loaded = matched_teacher({"": stream}, teacher, method if explained else none, label_map)
    local, remote = cache_places(cache_dir)

    def labeller(way: Explainer) -> BatchAnnotator:
        sample = sample_rows([stream], way)
        annotator = Annotator.prepared(
            loaded, way, sample, tokens_per_batch, local, processes, remote
        )
        return BatchAnnotator(annotator, keep)

    columns = [name for name in (TEXT, LABEL, *_ANNOTATION) if name in stream.column_names]
    chosen = stream.select_columns(columns)
    return chosen.with_format(None).map(
        _VariantAdder(
            labeller(none),
            labeller(method) if explained else None,
            {"per_text": per_text, "seed": seed, "similar": similar},
            explained,
            missing_label(stream) if LABEL in columns else None,
            _labels_explained(stream, loaded),
        ),
        with_indices=True,
        batched=True,
        batch_size=_TEXTS_AT_ONCE,
        features=Features({name: stream.features[name] for name in columns}),
    )


def _check(stream: IterableDataset, per_text: int, explained: int, processes: ProcessGroup) -> None:
    refuse_pairs(stream.column_names, "add_variants")
    missing = [name for name in (TEXT, *_ANNOTATION) if name not in stream.column_names]
    if missing:
        raise ValueError(
            f"The stream has no columns {missing}: annotate it first, with annotate(stream, "
            "teacher)."
        )
    if per_text < 1:
        raise ValueError(f"per_text must be at least 1, got {per_text}.")
    if not 0 <= explained <= per_text:
        raise ValueError(f"explained must be 0 to per_text ({per_text}), got {explained}.")
    if processes.size > 1 and not is_split(stream):
        raise ValueError(
            f"Each of the {processes.size} processes would label the whole stream: split it before "
            "you annotate it, with datasets.distributed.split_dataset_by_node(stream, rank, "
            f"{processes.size})."
        )


def _labels_explained(stream: IterableDataset, teacher: Teacher) -> int:
    """How many lists the attributions of a text without explanation have; 0 if they are one."""
    scores = getattr(stream.features[TEACHER_ATTRIBUTIONS], "feature", None)
    for_all = hasattr(scores, "feature") and not teacher.explains_several
    return len(teacher.labels) if for_all else 0


class _VariantAdder:
    """Puts variants behind the texts of one batch after the other.

    Args:
        label: Gives variants the teacher's logits.
        explain: Gives those that are explained its attributions too.
        making: Arguments of `text_variants`.
        explained: How many variants of each text are explained.
        missing: What the column `label` holds of a text without one.
        labels: How many labels each text is explained for; 0 if for one.
    """

    def __init__(
        self,
        label: BatchAnnotator,
        explain: BatchAnnotator | None,
        making: Mapping[str, Any],
        explained: int,
        missing: int | None,
        labels: int,
    ) -> None:
        self._label = label
        self._explain = explain
        self._making = dict(making)
        self._explained = explained
        self._missing = missing
        self._labels = labels

    def __call__(self, batch: dict[str, list[Any]], rows: list[int]) -> dict[str, list[Any]]:
        """The batch, and its variants behind it."""
        making = {**self._making, "seed": (self._making["seed"], rows[0])}
        texts = text_variants(batch[TEXT], **making)
        reasoned = 0
        if self._explain is not None:
            # All first variants come before the second ones, so the explained ones come first.
            reasoned = len(text_variants(batch[TEXT], **{**making, "per_text": self._explained}))
        added = [self._labelled(texts[reasoned:], rows[0], self._label)]
        if self._labels:
            added[0][TEACHER_ATTRIBUTIONS] = [[[]] * self._labels for _ in texts[reasoned:]]
        if self._explain is not None:
            added.insert(0, self._labelled(texts[:reasoned], rows[0], self._explain))
        return {
            name: [*values, *(value for part in added for value in part[name])]
            for name, values in batch.items()
        }

    def _labelled(self, texts: list[str], row: int, way: BatchAnnotator) -> dict[str, list[Any]]:
        given: dict[str, list[Any]] = {TEXT: texts, LABEL: [self._missing] * len(texts)}
        nothing: dict[str, list[Any]] = {name: [] for name in _ANNOTATION}
        return given | (way(given, [row] * len(texts)) if texts else nothing)
