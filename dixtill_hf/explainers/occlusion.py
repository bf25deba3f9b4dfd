# SPDX-License-Identifier: Apache-2.0
"""Occlusion: what the teacher's output loses when one word is taken away."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dixtill_hf.explainers.base import register_explainer
from dixtill_hf.explainers.perturbation import AT_ONCE, PerturbationExplainer, Value


@register_explainer("occlusion")
@dataclass(frozen=True)
class Occlusion(PerturbationExplainer):
    """Occlusion (Zeiler and Fergus 2014; leave-one-out), by Captum's `FeatureAblation`.

    A word's score is F(text) − F(text without the word). The scores need not sum to anything:
    of two words that say the same, neither is missed.
    """

    def evaluations(self, words: int) -> float:
        """The text, and the text without each of its words."""
        return words + 1

    def word_scores(self, value: Value, words: int) -> torch.Tensor:
        """Scores `(words,)` of the words of a text."""
        from captum.attr import FeatureAblation

        return FeatureAblation(value).attribute(
            torch.ones(1, words), perturbations_per_eval=min(words, AT_ONCE)
        )[0]
