# SPDX-License-Identifier: Apache-2.0
"""Kendall's τ-b between the signed scores of all words."""

from dixtill_hf.evaluation.agreement.base import ExplanationPair, cosine_of, register_measure


@register_measure(
    "kendall",
    "mean Kendall's tau-b of the scores over texts, in [-1, 1].",
    needs_ranking=True,
)
def kendall(pair: ExplanationPair) -> float:
    """The cosine of the signs of all differences; 0 when the student scores all words alike."""
    teacher, student = pair.orders
    return cosine_of(teacher.ravel(), student.ravel())
