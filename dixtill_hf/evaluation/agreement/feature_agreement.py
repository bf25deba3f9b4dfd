# SPDX-License-Identifier: Apache-2.0
"""Feature agreement (Krishna et al., 2022, section 3.2)."""

from dixtill_hf.evaluation.agreement.base import ExplanationPair, register_measure


@register_measure(
    "feature_agreement",
    "mean share of common important words over texts, in [0, 1].",
    at_k=True,
)
def feature_agreement(pair: ExplanationPair, k: int) -> float:
    """Share of the teacher's k most important words that are among the student's k too."""
    return float(pair.top(k).shared.mean())
