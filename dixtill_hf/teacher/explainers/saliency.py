# SPDX-License-Identifier: Apache-2.0
"""Saliency: how strongly the output answers to a small change of each token's embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from dixtill_hf.teacher.encoding import EncodedText, collate
from dixtill_hf.teacher.explainers.base import Attribution, register_explainer
from dixtill_hf.teacher.explainers.budget import TokenBudget
from dixtill_hf.teacher.explainers.embeddings import check_differentiable, replaced_embeddings
from dixtill_hf.teacher.explainers.targets import TargetedExplainer
from dixtill_hf.teacher.loading import Teacher


@register_explainer("saliency")
@dataclass(frozen=True)
class Saliency(TargetedExplainer):
    """Saliency (Simonyan et al. 2014) of the word embeddings.

    A token's score is the L2 norm of the output's gradient with respect to its embedding, never
    below 0: it says that a word matters, not what it speaks for.
    """

    signed: ClassVar[bool] = False
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
        batch = collate(teacher, texts)
        with torch.no_grad():
            embeddings = teacher.model.get_input_embeddings()(batch.inputs["input_ids"])
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
        scores = torch.stack(norms, 1).cpu().numpy()
        ordinary = batch.ordinary.cpu().numpy()
        return [
            self.attribution(
                text,
                logits=logits[row].detach(),
                label=int(labels[row]),
                scores=scores[row][:, ordinary[row]],
                completeness_error=float("nan"),
                evaluations=1,
            )
            for row, text in enumerate(texts)
        ]
