# SPDX-License-Identifier: Apache-2.0
"""LIME: the weights of a linear model that says nearly what the teacher says near the text."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dixtill_hf.explainers.base import check_count, check_positive, register_explainer
from dixtill_hf.explainers.perturbation import AT_ONCE, SamplingExplainer, Value, subsets

# As in the implementation that came with the paper.
_RIDGE = 1.0


@register_explainer("lime")
@dataclass(frozen=True)
class Lime(SamplingExplainer):
    """LIME (Ribeiro et al. 2016), by Captum's `Lime`.

    Each word is kept or taken away by the toss of a coin; a ridge regression on which words are
    there is fitted to the output, texts closer to the original (by the cosine of their words)
    counting for more. Its weights are the scores; they need not sum to anything.

    Attributes:
        samples: Coalitions of words that are drawn for each text.
        kernel_width: Standard deviation of the weight that a text has by its cosine distance. The
            default is that of the implementation that came with the paper.
    """

    samples: int = 512
    kernel_width: float = 0.25

    def __post_init__(self) -> None:
        """Check the settings before anything is computed."""
        super().__post_init__()
        check_count("samples", self.samples, least=2)
        check_positive("kernel_width", self.kernel_width)

    def evaluations(self, words: int) -> float:
        """The text and the coalitions that are drawn; those drawn again are free."""
        return min(self.samples + 1, subsets(words))

    def word_scores(self, value: Value, words: int) -> torch.Tensor:
        """Scores `(words,)` of the words of a text."""
        from captum._utils.models.linear_model import SkLearnRidge
        from captum.attr import Lime as CaptumLime
        from captum.attr._core.lime import get_exp_kernel_similarity_function

        if words == 1:  # Its absence is so far from the text that the ridge would shrink it to 0.
            return value(torch.ones(1, 1)) - value(torch.zeros(1, 1))
        return CaptumLime(
            value,
            interpretable_model=SkLearnRidge(alpha=_RIDGE),
            similarity_func=get_exp_kernel_similarity_function("cosine", self.kernel_width),
        ).attribute(
            torch.ones(1, words),
            n_samples=self.samples,
            perturbations_per_eval=min(self.samples, AT_ONCE),
        )[0]
