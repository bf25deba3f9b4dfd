# SPDX-License-Identifier: Apache-2.0
"""Gradient × input: the first-order change of the output from the text towards its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.explainers.base import Attribution, register_explainer
from dixtill_hf.teacher.explainers.budget import TokenBudget
from dixtill_hf.teacher.explainers.embeddings import EmbeddedTexts
from dixtill_hf.teacher.explainers.targets import TargetedExplainer
from dixtill_hf.teacher.loading import Teacher


@register_explainer("gradient_x_input")
@dataclass(frozen=True)
class GradientXInput(TargetedExplainer):
    """Gradient × input (Shrikumar et al. 2016), with the padding token as what the input is not.

    A token's score is (x − b)·∇F(x), summed over the embedding dimensions, where b is that of
    the padding token: Integrated Gradients with the end of the path alone. The scores sum to the
    change of the output only where the teacher is linear.
    """

    uses_gradients: ClassVar[bool] = True

    def evaluations(self, words: int) -> float:
        """The text itself."""
        return 1

    def explain(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> list[Attribution]:
        """Explain texts; see `Explainer.explain`.

        Raises:
            ValueError: The model does not read its words through its input embeddings, or gives no
                gradients with respect to them.
        """
        return budget.collect(
            [len(text) for text in texts],
            lambda rows: self._explain(teacher, [texts[row] for row in rows]),
        )

    def _explain(self, teacher: Teacher, texts: Sequence[EncodedText]) -> list[Attribution]:
        embedded = EmbeddedTexts(teacher, texts)
        seen: list[torch.Tensor] = []

        def outputs(logits: torch.Tensor) -> torch.Tensor:
            seen.append(logits.detach())
            return self.chosen(logits, self.labels(logits, texts))

        _, by_token = embedded.derivatives(range(len(texts)), torch.ones(len(texts)), outputs)
        labels = self.labels(seen[0], texts)
        return [
            self.attribution(
                text,
                logits=seen[0][row],
                label=int(labels[row]),
                scores=by_token[row][:, embedded.ordinary[row]].cpu().numpy(),
                completeness_error=float("nan"),
                evaluations=1,
            )
            for row, text in enumerate(texts)
        ]
