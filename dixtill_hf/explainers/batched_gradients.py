# SPDX-License-Identifier: Apache-2.0
"""What the explainers share that are done with a batch of texts at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from dixtill_hf.explainers.base import Attribution, Explainer
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.loading import Teacher


@dataclass(frozen=True)
class BatchScores:
    """A teacher's logits for a batch of texts, and their gradients.

    Attributes:
        logits: `(texts, labels)`, float32, in the order of the data's labels.
        labels: The label of every text that is explained, `(texts,)`.
        ordinary: Boolean `(texts, tokens)`; False on special tokens and on padding.
        scores: `(texts, outputs, tokens)`: one output, or one for each label where all are
            explained.
        errors: Completeness errors, `(texts,)`; None where completeness is not promised.
        evaluations: Points at which the teacher was evaluated for each text.
    """

    logits: torch.Tensor
    labels: torch.Tensor
    ordinary: torch.Tensor
    scores: torch.Tensor
    errors: torch.Tensor | None = None
    evaluations: int = 1


@dataclass(frozen=True)
class BatchedExplainer(Explainer):
    """An explainer that needs no more of the teacher than a pass or two over every text."""

    def evaluations(self, words: int) -> float:
        """The text itself."""
        return 1

    def explain(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> list[Attribution]:
        """Explain texts; see `Explainer.explain`.

        Raises:
            ValueError: The model does not show what the explainer looks at: it does not read its
                words through its input embeddings, or has no gradients or attention maps.
        """
        lengths = [len(text) for text in texts]

        def explain(rows: list[int]) -> list[Attribution]:
            batch = [texts[row] for row in rows]
            return self._attributions(batch, self.explain_batch(teacher, batch))

        return budget.collect(lengths, explain, [self.tokens_held(length) for length in lengths])

    def tokens_held(self, length: int) -> int:
        """Tokens of the budget that a text of that many tokens counts for; never fewer."""
        return length

    @abstractmethod
    def explain_batch(self, teacher: Teacher, texts: Sequence[EncodedText]) -> BatchScores:
        """Explain texts, at least one, that fit into memory together."""

    def _attributions(self, texts: Sequence[EncodedText], found: BatchScores) -> list[Attribution]:
        scores, ordinary = found.scores.cpu().numpy(), found.ordinary.cpu().numpy()
        logits, labels = found.logits.cpu(), found.labels.tolist()
        return [
            self.attribution(
                text,
                logits=logits[row],
                label=labels[row],
                scores=scores[row][:, ordinary[row]],
                completeness_error=float("nan" if found.errors is None else found.errors[row]),
                evaluations=found.evaluations,
            )
            for row, text in enumerate(texts)
        ]
