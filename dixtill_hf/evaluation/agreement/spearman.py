# SPDX-License-Identifier: Apache-2.0
"""Spearman's rank correlation between the signed scores of all words."""

from dixtill_hf.evaluation.agreement.base import ExplanationPair, cosine_of, register_measure


@register_measure(
    "spearman",
    "mean Spearman's rank correlation of the scores over texts, in [-1, 1].",
    needs_ranking=True,
)
def spearman(pair: ExplanationPair) -> float:
    """The cosine of the ranks; words that score alike share the mean of their ranks.

    0 when the student scores all words alike.
    """
    teacher, student = pair.orders
    return cosine_of(teacher.sum(axis=1), student.sum(axis=1))
