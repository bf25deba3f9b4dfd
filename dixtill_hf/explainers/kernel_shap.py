# SPDX-License-Identifier: Apache-2.0
"""Shapley values of the words, estimated by a weighted linear regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from dixtill_hf.explainers.base import check_count, register_explainer
from dixtill_hf.explainers.perturbation import AT_ONCE, SamplingExplainer, Value, subsets


@register_explainer("kernel_shap")
@dataclass(frozen=True)
class KernelShap(SamplingExplainer):
    """Kernel SHAP (Lundberg and Lee 2017), by Captum's `KernelShap`.

    Coalitions of words are drawn as often as the Shapley kernel weighs them, and a linear model of
    which words are there is fitted to the output. It must be right for the whole text and for the
    empty one, so the scores sum to the difference of the two. A text with about as many words as
    there are samples leaves the model open: take several times as many samples as words.

    Attributes:
        samples: Coalitions that are drawn for each text, the whole and the empty text included.
    """

    complete: ClassVar[bool] = True

    samples: int = 512

    def __post_init__(self) -> None:
        """Check the settings before anything is computed."""
        super().__post_init__()
        check_count("samples", self.samples, least=3)

    def evaluations(self, words: int) -> float:
        """The coalitions that are drawn; those drawn again, frequent in short texts, are free."""
        return min(self.samples, subsets(words))

    def word_scores(self, value: Value, words: int) -> torch.Tensor:
        """Scores `(words,)` of the words of a text."""
        from captum.attr import KernelShap as CaptumKernelShap

        if words == 1:  # Nothing is left to divide, and Captum's kernel divides by 0.
            return value(torch.ones(1, 1)) - value(torch.zeros(1, 1))
        return CaptumKernelShap(value).attribute(
            torch.ones(1, words),
            n_samples=self.samples,
            perturbations_per_eval=min(self.samples, AT_ONCE),
        )[0]
