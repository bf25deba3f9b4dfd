# SPDX-License-Identifier: Apache-2.0
"""The work itself: texts in, annotation columns out, on one device."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from datasets import Features, Value
from datasets import Sequence as ListOf

from dixtill_hf.data import columns
from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.explainers.base import Attribution, Explainer, TargetedExplainer
from dixtill_hf.explainers.several_outputs import explain_outputs, explained_outputs
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText, collate, encode_texts
from dixtill_hf.teacher.loading import Teacher


def release_freed_memory() -> None:
    """Let the C library give back what it keeps of freed blocks.

    Batches of texts of all lengths leave free blocks of all sizes behind; glibc keeps them, and
    would grow to about twice the memory that annotation needs. Other libraries have no such call.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def annotate_empty_text(teacher: Teacher, explainer: Explainer, text: EncodedText) -> Attribution:
    """The teacher's logits for a text without ordinary tokens, and no attributions.

    The completeness error is 0: the text is its own baseline. A text without even special tokens
    is read as one padding token.
    """
    inputs = collate(teacher, [text if len(text) else _one_padding_token(teacher, text)]).inputs
    with torch.inference_mode():
        logits = teacher.logits(inputs)
    found = logits.cpu().numpy()
    label: int | list[int]
    if not teacher.explains_several:
        chosen = logits.argmax(-1)
        if isinstance(explainer, TargetedExplainer):
            chosen = explainer.labels(logits, [text])
        label, scores = int(chosen[0]), np.zeros(0, np.float32)
    elif not explainer.explains_all_labels:
        (label,) = explained_outputs(explainer, teacher, [text], found)
        scores = np.zeros((len(label), 0), np.float32)
    if explainer.explains_all_labels:
        scores = np.zeros((found.shape[-1], 0), np.float32)
        label = list(range(found.shape[-1])) if teacher.explains_several else label
    return Attribution(
        logits=found[0],
        label=label,
        spans=[],
        scores=scores,
        completeness_error=0.0,
        evaluations=1,
    )


def _one_padding_token(teacher: Teacher, text: EncodedText) -> EncodedText:
    values = {"input_ids": teacher.tokenizer.pad_token_id, "attention_mask": 1}
    inputs = {name: [values.get(name, 0)] for name in text.inputs}
    return replace(text, inputs=inputs, ordinary=[False])


def added_features(explainer: Explainer, several: bool = False) -> Features:
    """The columns that an annotation adds, and their types.

    Args:
        explainer: The explainer.
        several: Whether a text may have several explained labels.
    """
    scores, label = ListOf(Value("float32")), Value("int32")
    return Features(
        {
            columns.TEACHER_LOGITS: ListOf(Value("float32")),
            columns.TEACHER_SPANS: ListOf(ListOf(Value("int32"))),
            columns.TEACHER_ATTRIBUTIONS: ListOf(scores)
            if several or explainer.explains_all_labels
            else scores,
            columns.EXPLAINED_LABEL: ListOf(label) if several else label,
            columns.COMPLETENESS_ERROR: Value("float32"),
            columns.EVALUATIONS: Value("int32"),
            columns.TRUNCATED: Value("bool"),
        }
    )


def as_table(
    texts: Sequence[EncodedText], results: Sequence[Attribution], schema: pa.Schema
) -> pa.Table:
    """The columns of these texts, in their order."""
    rows = [
        {
            columns.TEACHER_LOGITS: result.logits,
            columns.TEACHER_SPANS: result.spans,
            columns.TEACHER_ATTRIBUTIONS: list(result.scores),
            columns.EXPLAINED_LABEL: result.label,
            columns.COMPLETENESS_ERROR: result.completeness_error,
            columns.EVALUATIONS: result.evaluations,
            columns.TRUNCATED: text.truncated,
        }
        for text, result in zip(texts, results, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=schema)


def check_results(results: Sequence[Attribution], rows: Sequence[int]) -> None:
    """Refuse what is not finite, and scores that do not fit their spans.

    Args:
        results: What the explainer returned.
        rows: The row of the dataset that each is for.

    Raises:
        ValueError: Names the rows.
    """
    infinite, misfit = [], []
    for row, result in zip(rows, results, strict=True):
        if not (np.isfinite(result.logits).all() and np.isfinite(result.scores).all()):
            infinite.append(int(row))
        if np.shape(result.scores)[-1] != len(result.spans):
            misfit.append(int(row))
    if infinite:
        raise ValueError(
            f"The teacher gave logits or gradients that are not finite for {len(infinite)} texts: "
            f"{name_rows(sorted(infinite))}. Check its weights, or load it in float32."
        )
    if misfit:
        raise ValueError(
            f"The explainer gave other numbers of scores than of spans for {len(misfit)} texts: "
            f"{name_rows(sorted(misfit))}. Its explain(...) must give one score for each span."
        )


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
        self.features = added_features(explainer, teacher.explains_several)
        self.schema: pa.Schema = self.features.arrow_schema
        self._budget = budget
        _align_weights(teacher.model)

    def costs(self, texts: Sequence[str]) -> np.ndarray:
        """Tokens that the teacher reads to explain each text, over all evaluations; int64."""
        lengths = [len(text) for text in encode_texts(self.teacher, texts)]
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
        texts = encode_texts(self.teacher, texts_of(batch), own)
        explained = iter(self._explain(texts, rows))
        results = [
            next(explained)
            if any(text.ordinary)
            else annotate_empty_text(self.teacher, self.explainer, text)
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
            encoded = [text for text, _ in chosen]
            return explain_outputs(self.explainer, self.teacher, encoded, self._budget)
        except torch.cuda.OutOfMemoryError as error:
            _, row = max(chosen, key=lambda pair: len(pair[0]))
            raise torch.cuda.OutOfMemoryError(f"Row {row}: {error}") from error


def _align_weights(model: torch.nn.Module) -> None:
    """Have a CPU find the weights where it likes them.

    Weights that are mapped from a file, as they are in a single process but not in one of several,
    begin anywhere, and the last bit of a matrix product depends on where.
    """
    for weight in model.parameters():
        plain = weight.device.type == "cpu" and type(weight.data) is torch.Tensor
        if plain and weight.data_ptr() % _BYTES_OF_A_CACHE_LINE:
            weight.data = weight.data.clone()
