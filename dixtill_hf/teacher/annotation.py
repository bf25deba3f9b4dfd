# SPDX-License-Identifier: Apache-2.0
"""Annotate a dataset with its teacher's logits and word attributions, once and for any student."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import torch
from datasets import Dataset, DatasetDict, Features, Value, concatenate_datasets
from datasets import Sequence as ListOf
from tqdm.auto import tqdm

from dixtill_hf.data import columns
from dixtill_hf.data.labels import label_names
from dixtill_hf.teacher import integrated_gradients  # noqa: F401 - registers the explainer
from dixtill_hf.teacher.encoding import EncodedText, batches_by_tokens, collate, encode_texts
from dixtill_hf.teacher.explainers import Attributions, Explainer, get_explainer
from dixtill_hf.teacher.fingerprint import hash_json, hash_teacher, hash_texts
from dixtill_hf.teacher.loading import Teacher, load_teacher
from dixtill_hf.teacher.store import ShardStore, default_cache_dir

logger = logging.getLogger(__name__)

# Raised when the numbers that an annotation holds change for the same settings.
ENGINE_VERSION = 1
TEXTS_PER_SHARD = 256
# Best of a sweep on each kind of device: a CPU is saturated early, a GPU needs wide batches.
_TOKENS_PER_BATCH = {"cpu": 4096, "cuda": 65536}

FEATURES = Features(
    {
        columns.TEACHER_LOGITS: ListOf(Value("float32")),
        columns.TEACHER_SPANS: ListOf(ListOf(Value("int32"))),
        columns.TEACHER_ATTRIBUTIONS: ListOf(Value("float32")),
        columns.EXPLAINED_LABEL: Value("int32"),
        columns.COMPLETENESS_ERROR: Value("float32"),
        columns.EVALUATIONS: Value("int32"),
        columns.TRUNCATED: Value("bool"),
    }
)

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

    Added columns:
        - `teacher_logits`: float32, one per label, in the order of the data's labels.
        - `teacher_spans`: `[start, end)` characters of each attributed token of the teacher.
        - `teacher_attributions`: float32, one per span, signed, not normalised.
        - `teacher_explained_label`: the label that the attributions are for.
        - `teacher_completeness_error`: |Σ attributions − (F(text) − F(baseline))|.
        - `teacher_evaluations`: passes of the teacher spent on the text.
        - `teacher_truncated`: whether the text goes on beyond the teacher's limit.

    Args:
        dataset: With columns `text` and `label` (a ClassLabel), as from
            `load_text_classification`.
        teacher: A loaded teacher, or the name or path of one.
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
        OSError: The teacher cannot be read, or the cache cannot be written.
    """
    method = get_explainer(explainer, **settings)
    if tokens_per_batch is not None and tokens_per_batch < 1:
        raise ValueError(f"tokens_per_batch must be at least 1, got {tokens_per_batch}.")
    splits = dataset if isinstance(dataset, DatasetDict) else {"": dataset}
    for name, split in splits.items():
        _check_columns(split, name)
    if not isinstance(teacher, Teacher):
        teacher = load_teacher(teacher, label_names(next(iter(splits.values()))), label_map)
    job = _Annotator(teacher, method, tokens_per_batch, Path(cache_dir or default_cache_dir()))
    annotated = {name: job.annotate(split, name) for name, split in splits.items()}
    return DatasetDict(annotated) if isinstance(dataset, DatasetDict) else annotated[""]


class _Annotator:
    """One teacher with one explainer, over any number of splits."""

    def __init__(
        self, teacher: Teacher, explainer: Explainer, tokens_per_batch: int | None, cache_dir: Path
    ) -> None:
        self.teacher = teacher
        self.explainer = explainer
        self.tokens_per_batch = tokens_per_batch or _TOKENS_PER_BATCH.get(
            teacher.device.type, _TOKENS_PER_BATCH["cuda"]
        )
        self.cache_dir = cache_dir
        self.settings = hash_json(
            {
                "engine": ENGINE_VERSION,
                "teacher": hash_teacher(teacher),
                "explainer": explainer.settings(),
            }
        )

    def annotate(self, dataset: Dataset, name: str) -> Dataset:
        texts, labels = list(dataset[columns.TEXT]), list(dataset[columns.LABEL])
        fingerprint = hash_json([self.settings, hash_texts(texts), hash_json(labels)])
        store = ShardStore(self.cache_dir, fingerprint)
        starts = range(0, len(texts), TEXTS_PER_SHARD)
        shards: list[pa.Table] = []
        with tqdm(total=len(texts), desc=f"Annotating {name}".strip(), unit="text") as progress:
            for number, start in enumerate(starts):
                part = slice(start, start + TEXTS_PER_SHARD)
                table = store.read(number)
                if table is None:
                    table = self._annotate_texts(texts[part], labels[part], start)
                    store.write(number, table)
                shards.append(table)
                progress.update(table.num_rows)
        return _add_columns(dataset, shards, fingerprint)

    def _annotate_texts(self, texts: list[str], labels: list[int], first_row: int) -> pa.Table:
        encoded = encode_texts(self.teacher, texts, labels)
        rows: list[dict[str, Any]] = [{} for _ in texts]
        tokens = max(1, self.tokens_per_batch // self.explainer.evaluations_per_text)
        for positions in batches_by_tokens([len(text) for text in encoded], tokens):
            batch = [encoded[position] for position in positions]
            result = self.explainer.explain(
                self.teacher, collate(self.teacher, batch), self.tokens_per_batch
            )
            _check_finite(result, [first_row + position for position in positions])
            for position, row in zip(positions, _rows(batch, result), strict=True):
                rows[position] = row
        return pa.Table.from_pylist(rows, schema=FEATURES.arrow_schema)


def _rows(batch: Sequence[EncodedText], result: Attributions) -> list[dict[str, Any]]:
    """The columns of every text of a batch, as Python values."""
    logits, scores = result.logits.cpu().tolist(), result.scores.cpu().numpy()
    labels, errors = result.explained_labels.tolist(), result.completeness_errors.tolist()
    evaluations = result.evaluations.tolist()
    return [
        {
            columns.TEACHER_LOGITS: logits[index],
            columns.TEACHER_SPANS: text.spans,
            columns.TEACHER_ATTRIBUTIONS: scores[index, : len(text)][text.ordinary],
            columns.EXPLAINED_LABEL: labels[index],
            columns.COMPLETENESS_ERROR: errors[index],
            columns.EVALUATIONS: evaluations[index],
            columns.TRUNCATED: text.truncated,
        }
        for index, text in enumerate(batch)
    ]


def _add_columns(dataset: Dataset, shards: list[pa.Table], fingerprint: str) -> Dataset:
    table = pa.concat_tables(shards) if shards else FEATURES.arrow_schema.empty_table()
    annotation = Dataset(table.cast(FEATURES.arrow_schema), fingerprint=f"dixtill-{fingerprint}")
    truncated = sum(annotation[columns.TRUNCATED])
    if truncated:
        logger.warning(
            "%d of %d texts are longer than the teacher's limit: the words beyond it get "
            "attribution 0.",
            truncated,
            len(annotation),
        )
    earlier = [name for name in FEATURES if name in dataset.column_names]
    return concatenate_datasets([dataset.remove_columns(earlier), annotation], axis=1)


def _check_columns(dataset: Dataset, name: str) -> None:
    missing = [c for c in (columns.TEXT, columns.LABEL) if c not in dataset.column_names]
    if missing:
        where = f" of the split {name!r}" if name else ""
        raise ValueError(
            f"The columns {missing}{where} are missing; it has {dataset.column_names}. "
            "Load the data with load_text_classification(...), which finds or renames them."
        )


def _check_finite(result: Attributions, rows: Sequence[int]) -> None:
    finite = torch.isfinite(result.logits).all(-1) & torch.isfinite(result.scores).all(-1)
    bad = [row for row, good in zip(rows, finite.tolist(), strict=True) if not good]
    if bad:
        raise ValueError(
            f"The teacher gave logits or gradients that are not finite for rows {bad[:10]}. "
            "Check its weights, or load it in float32."
        )
