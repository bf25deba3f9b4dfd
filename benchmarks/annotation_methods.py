# SPDX-License-Identifier: Apache-2.0
"""The ways of computing Integrated Gradients that benchmarks/annotation.py compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients

from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText, collate
from dixtill_hf.teacher.loading import Teacher

CAPTUM_STEPS = 50
_CAPTUM_BATCH = 32


@dataclass(frozen=True)
class Scores:
    """What a method found for one text.

    Attributes:
        scores: `(spans,)`.
        missed: |Σ scores − (F(text) − F(baseline))| before anything is shared; None where the
            method does not tell.
        evaluations: Points of the path, and the text itself where it is read on its own.
    """

    scores: np.ndarray
    missed: float | None
    evaluations: int


Method = Callable[[Teacher, Sequence[EncodedText], int], list[Scores]]


def captum_one_by_one(teacher: Teacher, texts: Sequence[EncodedText], tokens: int) -> list[Scores]:
    """Captum, one unpadded text at a time, as the paper's notebook does."""
    return [_captum(teacher, [text], None)[0] for text in texts]


def captum_batched(teacher: Teacher, texts: Sequence[EncodedText], tokens: int) -> list[Scores]:
    """Captum on padded batches of similar length, evaluated in parts of `tokens` tokens."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    found: dict[int, Scores] = {}
    for start in range(0, len(order), _CAPTUM_BATCH):
        rows = order[start : start + _CAPTUM_BATCH]
        batch = [texts[row] for row in rows]
        at_once = max(len(batch), tokens // len(batch[-1]))
        found.update(zip(rows, _captum(teacher, batch, at_once), strict=True))
    return [found[row] for row in range(len(texts))]


def ours(explainer: IntegratedGradients) -> Method:
    """This library's engine with the settings of an explainer."""

    def explain(teacher: Teacher, texts: Sequence[EncodedText], tokens: int) -> list[Scores]:
        found = explainer.explain(teacher, texts, TokenBudget(tokens))
        return [Scores(one.scores, one.completeness_error, one.evaluations) for one in found]

    return explain


def _captum(teacher: Teacher, texts: Sequence[EncodedText], at_once: int | None) -> list[Scores]:
    """LayerIntegratedGradients on the embedding layer, for the predicted label."""
    batch = collate(teacher, texts)
    inputs = dict(batch.inputs)
    ids = inputs.pop("input_ids")

    def forward(input_ids: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        return teacher.logits({"input_ids": input_ids, **dict(zip(inputs, others, strict=True))})

    with torch.no_grad():
        targets = forward(ids, *inputs.values()).argmax(-1)
    embedding = teacher.model.get_input_embeddings()
    embedding.weight.requires_grad_(True)  # what Captum needs to reach the layer
    try:
        by_dimension = LayerIntegratedGradients(forward, embedding).attribute(
            ids,
            ids.masked_fill(batch.ordinary, teacher.tokenizer.pad_token_id),
            target=targets,
            additional_forward_args=tuple(inputs.values()),
            n_steps=CAPTUM_STEPS,
            internal_batch_size=at_once,
        )
    finally:
        embedding.weight.requires_grad_(False)
    by_token = by_dimension.sum(-1).detach().cpu().numpy()
    ordinary = batch.ordinary.cpu().numpy()
    return [
        Scores(by_token[row][ordinary[row]], None, CAPTUM_STEPS + 1) for row in range(len(texts))
    ]
