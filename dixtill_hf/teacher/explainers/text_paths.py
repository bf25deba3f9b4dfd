# SPDX-License-Identifier: Apache-2.0
"""The paths of many texts from their baselines to themselves, integrated together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.explainers.batch_sizes import filled
from dixtill_hf.teacher.explainers.budget import TokenBudget
from dixtill_hf.teacher.explainers.embeddings import EmbeddedTexts
from dixtill_hf.teacher.explainers.quadrature import Rule
from dixtill_hf.teacher.explainers.targets import TargetedExplainer
from dixtill_hf.teacher.loading import Teacher


class TextPaths:
    """Texts between their baselines and themselves, and the outputs that are explained.

    Attributes:
        logits: `(texts, labels)`, float32.
        labels: `(texts,)`, the label explained; the predicted one where all are.
        change: `(texts, outputs)`, float32: F(text) − F(baseline).
        width: Tokens of the widest text.
    """

    def __init__(
        self,
        explainer: TargetedExplainer,
        teacher: Teacher,
        texts: Sequence[EncodedText],
        budget: TokenBudget,
        precision: str,
    ) -> None:
        """Read the texts and their baselines.

        Args:
            explainer: Says which outputs are explained.
            teacher: The teacher.
            texts: At least one.
            budget: Of tokens.
            precision: Of the gradients; the logits are in the teacher's own.
        """
        self._explainer = explainer
        self._budget = budget
        self._embedded = EmbeddedTexts(teacher, texts, precision)
        self.logits, start_logits = self._ends()
        self.labels = explainer.labels(self.logits, texts)
        ends = (explainer.chosen(end, self.labels) for end in (self.logits, start_logits))
        text_outputs, start_outputs = ends
        self.change = (text_outputs - start_outputs).cpu().numpy()
        self.width = self._embedded.ordinary.shape[1]

    def derivatives(self, rule: Rule, rows: Sequence[int]) -> np.ndarray:
        """What each token adds to the derivative at every node: `(rows, nodes, outputs, tokens)`.

        As `EmbeddedTexts.derivatives` has it; float32, 0 beyond the end of a text.
        """
        nodes = len(rule.nodes)
        texts = np.repeat(rows, nodes)
        positions = torch.as_tensor(np.tile(rule.nodes, len(rows)), dtype=torch.float32)
        found = np.zeros((len(texts), self.change.shape[1], self.width), np.float32)

        def differentiate(points: list[int]) -> None:
            batch = self._whole(points, texts)
            labels = self.labels[texts[batch]]
            _, by_token = self._embedded.derivatives(
                texts[batch].tolist(),
                positions[batch],
                lambda logits: self._explainer.chosen(logits, labels),
            )
            found[points, :, : by_token.shape[-1]] = by_token[: len(points)].cpu().numpy()

        self._budget.run([self._embedded.widths[text] for text in texts], differentiate)
        return found.reshape(len(rows), nodes, *found.shape[1:])

    def integrals(self, rule: Rule, rows: Sequence[int]) -> np.ndarray:
        """The scores of some texts by a rule, `(rows, outputs, tokens)`, float32."""
        weights = rule.weights.astype(np.float32)
        return np.einsum("n,rnot->rot", weights, self.derivatives(rule, rows))

    def _whole(self, points: list[int], texts: np.ndarray) -> list[int]:
        """The points of a batch, with some of them repeated where batches have few sizes."""
        if not self._embedded.has_few_sizes:
            return points
        width = max(self._embedded.widths[text] for text in texts[points])
        return filled(points, self._budget.rows(width))

    def _ends(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits `(texts, labels)` of the texts and of their baselines, each baseline read once."""
        keys = self._embedded.baseline_keys()
        first: dict[tuple[int, ...], int] = {}
        for row, key in enumerate(keys):
            first.setdefault(key, row)
        place = {row: index for index, row in enumerate(first.values())}
        starts = self._read(self._embedded.baseline_logits, list(place))
        texts = self._read(self._embedded.logits, list(range(len(keys))))
        return texts, starts[[place[first[key]] for key in keys]]

    def _read(
        self, logits_of: Callable[[Sequence[int]], torch.Tensor], rows: list[int]
    ) -> torch.Tensor:
        """Logits `(rows, labels)` of some texts, in batches."""
        widths = [self._embedded.widths[row] for row in rows]
        found = self._budget.collect(widths, lambda batch: logits_of([rows[i] for i in batch]))
        return torch.stack(found)
