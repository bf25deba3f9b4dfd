# SPDX-License-Identifier: Apache-2.0
"""The cosine of two explanations: size does not matter, direction does."""

from dixtill_hf.evaluation.agreement.base import ExplanationPair, cosine_of, register_measure


@register_measure(
    "cosine",
    "mean cosine of the scores over texts, in [-1, 1].",
)
def cosine(pair: ExplanationPair) -> float:
    """Cosine of the scores; 0 when every score of the student is 0."""
    return cosine_of(pair.teacher, pair.student)
