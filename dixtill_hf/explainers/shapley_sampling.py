# SPDX-License-Identifier: Apache-2.0
"""Shapley values of the words, estimated by letting them in one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from dixtill_hf.explainers.base import check_count, register_explainer
from dixtill_hf.explainers.perturbation import AT_ONCE, SamplingExplainer, Value, subsets


@register_explainer("shapley_sampling")
@dataclass(frozen=True)
class ShapleySampling(SamplingExplainer):
    """Shapley value sampling (Castro et al. 2009), by Captum's `ShapleyValueSampling`.

    Words enter the empty text in random order; a word's score is what it adds to the output when
    it enters, averaged over the orders. The scores sum to F(text) − F(text without its words)
    whatever the number of orders, which only makes them less noisy.

    Attributes:
        permutations: Random orders of the words.
    """

    complete: ClassVar[bool] = True

    permutations: int = 25

    def __post_init__(self) -> None:
        """Check the settings before anything is computed."""
        super().__post_init__()
        check_count("permutations", self.permutations)

    def evaluations(self, words: int) -> float:
        """Each order's steps; the text and the empty text are theirs in common."""
        return min(2 + self.permutations * max(words - 1, 0), subsets(words))

    def word_scores(self, value: Value, words: int) -> torch.Tensor:
        """Scores `(words,)` of the words of a text."""
        from captum.attr import ShapleyValueSampling

        return ShapleyValueSampling(value).attribute(
            torch.ones(1, words),
            n_samples=self.permutations,
            perturbations_per_eval=min(words, AT_ONCE),
        )[0]
