# SPDX-License-Identifier: Apache-2.0
"""The work of an annotation: texts in shards and batches, shared among processes, kept on disk."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from datasets import Dataset, Features, Value
from datasets import Sequence as ListOf
from tqdm.auto import tqdm

from dixtill_hf.data import columns
from dixtill_hf.teacher.encoding import EncodedText, batches_by_tokens, collate, encode_texts
from dixtill_hf.teacher.explainers import Attributions, Explainer
from dixtill_hf.teacher.fingerprint import hash_json, hash_teacher, hash_texts
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.teacher.processes import launched_processes
from dixtill_hf.teacher.store import ShardStore

logger = logging.getLogger(__name__)

# Raised when the numbers that an annotation holds change for the same settings.
ENGINE_VERSION = 1
TEXTS_PER_SHARD = 256
# A CPU is saturated early, a GPU needs wide batches.
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


class Annotator:
    """One teacher with one explainer, over any number of splits."""

    def __init__(
        self, teacher: Teacher, explainer: Explainer, tokens_per_batch: int | None, cache_dir: Path
    ) -> None:
        """Prepare a job; see `annotate` for the arguments."""
        self.teacher = teacher
        self.explainer = explainer
        self.tokens_per_batch = tokens_per_batch or _TOKENS_PER_BATCH.get(
            teacher.device.type, _TOKENS_PER_BATCH["cuda"]
        )
        self.cache_dir = cache_dir
        self.processes = launched_processes()
        self.settings = hash_json(
            {
                "engine": ENGINE_VERSION,
                "teacher": hash_teacher(teacher),
                "explainer": explainer.settings(),
            }
        )

    def annotate(self, texts: list[str], labels: list[int], name: str) -> Dataset:
        """The added columns alone, one row for each text; `name` is for the progress bar."""
        fingerprint = hash_json([self.settings, hash_texts(texts), hash_json(labels)])
        store = ShardStore(self.cache_dir, fingerprint)
        starts = range(0, len(texts), TEXTS_PER_SHARD)
        own = self._own_share(len(starts))
        shards: dict[int, pa.Table] = {}
        total = sum(min(TEXTS_PER_SHARD, len(texts) - starts[number]) for number in own)
        with tqdm(total=total, desc=f"Annotating {name}".strip(), unit="text") as progress:
            for number in own:
                part = slice(starts[number], starts[number] + TEXTS_PER_SHARD)
                table = store.read(number)
                if table is None:
                    table = self._annotate_texts(texts[part], labels[part], part.start)
                    store.write(number, table)
                shards[number] = table
                progress.update(table.num_rows)
        if self.processes is not None:
            self.processes.wait_for_everyone()
        tables = [
            shards[number] if number in shards else _read_others(store, number)
            for number in range(len(starts))
        ]
        table = pa.concat_tables(tables) if tables else FEATURES.arrow_schema.empty_table()
        return Dataset(table.cast(FEATURES.arrow_schema), fingerprint=f"dixtill-{fingerprint}")

    def _own_share(self, shards: int) -> range:
        """The shards that are this process's to compute, if no earlier run has done so."""
        if self.processes is None:
            return range(shards)
        return range(self.processes.process_index, shards, self.processes.num_processes)

    def _annotate_texts(self, texts: list[str], labels: list[int], first_row: int) -> pa.Table:
        encoded = encode_texts(self.teacher, texts, labels)
        rows: dict[int, dict[str, Any]] = {}
        while len(rows) < len(texts):
            left = [position for position in range(len(texts)) if position not in rows]
            positions = self._next_batch(encoded, left)
            batch = [encoded[position] for position in positions]
            try:
                result = self.explainer.explain(
                    self.teacher, collate(self.teacher, batch), self.tokens_per_batch
                )
            except torch.cuda.OutOfMemoryError as error:
                self._halve_budget(len(batch[0]), first_row + positions[0], error)
                continue
            _check_finite(result, [first_row + position for position in positions])
            rows.update(zip(positions, _rows(batch, result), strict=True))
        in_order = [rows[position] for position in range(len(texts))]
        return pa.Table.from_pylist(in_order, schema=FEATURES.arrow_schema)

    def _next_batch(self, encoded: Sequence[EncodedText], left: Sequence[int]) -> list[int]:
        """Positions of the longest texts that are left, as many as the budget allows."""
        tokens = max(1, self.tokens_per_batch // self.explainer.evaluations_per_text)
        lengths = [len(encoded[position]) for position in left]
        return [left[index] for index in next(batches_by_tokens(lengths, tokens))]

    def _halve_budget(self, longest: int, row: int, error: torch.cuda.OutOfMemoryError) -> None:
        """Go on with half the tokens, unless one text in one pass was too much already."""
        if self.tokens_per_batch < 2 * longest:
            raise torch.cuda.OutOfMemoryError(
                f"Row {row}, with {longest} tokens, does not fit into the memory of "
                f"{self.teacher.device} even by itself. Free some of it, load the teacher with "
                "dtype=torch.bfloat16, lower its max_length, or use the CPU."
            ) from error
        self.tokens_per_batch //= 2
        logger.warning(
            "Out of memory on %s: going on with tokens_per_batch=%d.",
            self.teacher.device,
            self.tokens_per_batch,
        )


def _read_others(store: ShardStore, number: int) -> pa.Table:
    """A shard that another process has computed."""
    table = store.read(number)
    if table is None:
        raise OSError(
            f"Shard {number}, which another process has written, is not in {store.directory}. "
            "Let cache_dir (or $DIXTILL_CACHE) be on a disk that all processes share."
        )
    return table


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


def _check_finite(result: Attributions, rows: Sequence[int]) -> None:
    finite = torch.isfinite(result.logits).all(-1) & torch.isfinite(result.scores).all(-1)
    bad = [row for row, good in zip(rows, finite.tolist(), strict=True) if not good]
    if bad:
        raise ValueError(
            f"The teacher gave logits or gradients that are not finite for rows {bad[:10]}. "
            "Check its weights, or load it in float32."
        )
