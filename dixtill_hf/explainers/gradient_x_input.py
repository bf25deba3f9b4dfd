# SPDX-License-Identifier: Apache-2.0
"""Gradient × input: the first-order change of the output from the text towards its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from dixtill_hf.explainers.base import TargetedExplainer, register_explainer
from dixtill_hf.explainers.batched_gradients import BatchedExplainer, BatchScores
from dixtill_hf.explainers.embeddings import EmbeddedTexts
from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.loading import Teacher


@register_explainer("gradient_x_input")
@dataclass(frozen=True)
class GradientXInput(BatchedExplainer, TargetedExplainer):
    """Gradient × input (Shrikumar et al. 2016), with the padding token as what the input is not.

    A token's score is (x − b)·∇F(x), summed over the embedding dimensions, where b is that of
    the padding token: Integrated Gradients with only the end of the path. The scores sum to the
    change of the output only where the teacher is linear.
    """

    uses_gradients: ClassVar[bool] = True

    def explain_batch(self, teacher: Teacher, texts: Sequence[EncodedText]) -> BatchScores:
        """Explain texts that fit into memory together."""
        embedded = EmbeddedTexts(teacher, texts)
        seen: list[torch.Tensor] = []

        def outputs(logits: torch.Tensor) -> torch.Tensor:
            seen.append(logits.detach())
            return self.chosen(logits, self.labels(logits, texts))

        _, by_token = embedded.derivatives(range(len(texts)), torch.ones(len(texts)), outputs)
        return BatchScores(seen[0], self.labels(seen[0], texts), embedded.ordinary, by_token)
