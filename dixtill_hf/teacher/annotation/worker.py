# SPDX-License-Identifier: Apache-2.0
"""The work itself: texts in, annotation columns out, on one device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from dixtill_hf.data.columns import TEXT
from dixtill_hf.teacher.annotation.memory import release_freed_memory
from dixtill_hf.teacher.annotation.results import added_features, as_table, check_results
from dixtill_hf.teacher.annotation.wordless import read_wordless
from dixtill_hf.teacher.encoding import EncodedText, encode_texts
from dixtill_hf.teacher.explainers.base import Attribution, Explainer
from dixtill_hf.teacher.explainers.budget import TokenBudget
from dixtill_hf.teacher.loading import Teacher

# A CPU is saturated early and fastest where a layer's activations stay in its caches; a GPU needs
# wide batches.
_TOKENS_PER_BATCH = {"cpu": 1024, "cuda": 65536}
_BYTES_OF_A_CACHE_LINE = 64


def default_tokens(teacher: Teacher) -> int:
    """Most tokens in memory at once, as suits the teacher's device."""
    return _TOKENS_PER_BATCH.get(teacher.device.type, _TOKENS_PER_BATCH["cuda"])


class Worker:
    """One teacher with one explainer.

    Attributes:
        features: The columns that it makes.
        schema: The same for Arrow.
    """

    def __init__(self, teacher: Teacher, explainer: Explainer, budget: TokenBudget) -> None:
        self.teacher = teacher
        self.explainer = explainer
        self.features = added_features(explainer)
        self.schema: pa.Schema = self.features.arrow_schema
        self._budget = budget
        _align_weights(teacher.model)

    def costs(self, texts: Sequence[str]) -> np.ndarray:
        """Tokens that the teacher reads to explain each text, over all evaluations; int64."""
        encoded = self.teacher.tokenizer(
            list(texts), truncation=True, max_length=self.teacher.max_length
        )
        lengths = [len(ids) for ids in encoded["input_ids"]]
        cost = {n: max(1, round(n * self.explainer.evaluations(n))) for n in set(lengths)}
        return np.array([cost[length] for length in lengths], np.int64)

    def annotate(self, batch: Mapping[str, Sequence[Any]], rows: Sequence[int]) -> pa.Table:
        """The added columns of a batch of texts.

        Args:
            batch: Column → values; has the text and all that the explainer reads.
            rows: The row of the dataset that each text is, for messages.

        Raises:
            ValueError: Logits or scores are not finite.
            torch.cuda.OutOfMemoryError: A text does not fit into memory even by itself.
        """
        reads = self.explainer.reads
        own = [{name: batch[name][index] for name in reads} for index in range(len(rows))]
        texts = encode_texts(self.teacher, batch[TEXT], own)
        explained = iter(self._explain(texts, rows))
        results = [
            next(explained)
            if any(text.ordinary)
            else read_wordless(self.teacher, self.explainer, text)
            for text in texts
        ]
        check_results(results, rows)
        release_freed_memory()
        return as_table(texts, results, self.schema)

    def _explain(self, texts: Sequence[EncodedText], rows: Sequence[int]) -> list[Attribution]:
        """Attributions of the texts that have words."""
        chosen = [(text, row) for text, row in zip(texts, rows, strict=True) if any(text.ordinary)]
        if not chosen:
            return []
        try:
            return self.explainer.explain(self.teacher, [text for text, _ in chosen], self._budget)
        except torch.cuda.OutOfMemoryError as error:
            _, row = max(chosen, key=lambda pair: len(pair[0]))
            raise torch.cuda.OutOfMemoryError(f"Row {row}: {error}") from error


def _align_weights(model: torch.nn.Module) -> None:
    """Have a CPU find the weights where it likes them.

    Weights that are mapped from a file, as they are in a process alone but not in one of several,
    begin anywhere, and the last bit of a matrix product depends on where.
    """
    for weight in model.parameters():
        plain = weight.device.type == "cpu" and type(weight.data) is torch.Tensor
        if plain and weight.data_ptr() % _BYTES_OF_A_CACHE_LINE:
            weight.data = weight.data.clone()
