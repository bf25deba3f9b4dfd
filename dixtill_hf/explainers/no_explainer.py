# SPDX-License-Identifier: Apache-2.0
"""No explanation: only the teacher's logits, for texts whose label is all that is distilled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dixtill_hf.explainers.base import Attribution, Explainer, read_logits, register_explainer
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.loading import Teacher


@register_explainer("none")
@dataclass(frozen=True)
class NoExplainer(Explainer):
    """Asks the teacher for its logits and attributes nothing: no text has spans."""

    def evaluations(self, words: int) -> float:
        """The text itself."""
        return 1

    def explain(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> list[Attribution]:
        """Read texts; see `Explainer.explain`."""
        if not texts:
            return []
        return [
            Attribution(
                logits=logits,
                label=int(logits.argmax()),
                spans=[],
                scores=np.zeros(0, dtype=np.float32),
                completeness_error=float("nan"),
                evaluations=1,
            )
            for logits in read_logits(teacher, texts, budget)
        ]
