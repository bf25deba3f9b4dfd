# SPDX-License-Identifier: Apache-2.0
"""Saliency: how strongly the output answers to a small change of each token's embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from dixtill_hf.explainers.base import TargetedExplainer, register_explainer
from dixtill_hf.explainers.batched_gradients import BatchedExplainer, BatchScores
from dixtill_hf.explainers.embeddings import (
    check_differentiable,
    replaced_embeddings,
    word_embedding,
)
from dixtill_hf.teacher.encoding import EncodedText, collate
from dixtill_hf.teacher.loading import Teacher


@register_explainer("saliency")
@dataclass(frozen=True)
class Saliency(BatchedExplainer, TargetedExplainer):
    """Saliency (Simonyan et al. 2014) of the word embeddings.

    A token's score is the L2 norm of the output's gradient with respect to its embedding, never
    below 0: it says that a word matters, not what it speaks for.
    """

    signed: ClassVar[bool] = False
    uses_gradients: ClassVar[bool] = True

    def explain_batch(self, teacher: Teacher, texts: Sequence[EncodedText]) -> BatchScores:
        """Explain texts that fit into memory together."""
        batch = collate(teacher, texts)
        with torch.no_grad():
            embeddings = word_embedding(teacher.model)(batch.inputs["input_ids"])
        with replaced_embeddings(teacher, embeddings.requires_grad_(True)):
            logits = teacher.logits(batch.inputs)
        check_differentiable(teacher, logits)
        labels = self.labels(logits, texts)
        outputs = self.chosen(logits, labels).sum(0)
        last = len(outputs) - 1
        norms = [
            torch.autograd.grad(output, embeddings, retain_graph=index < last)[0]
            .float()
            .norm(dim=-1)
            for index, output in enumerate(outputs)
        ]
        return BatchScores(logits.detach(), labels, batch.ordinary, torch.stack(norms, 1))
