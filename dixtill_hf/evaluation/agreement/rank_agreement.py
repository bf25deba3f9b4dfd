# SPDX-License-Identifier: Apache-2.0
"""Rank agreement (Krishna et al., 2022, section 3.2)."""

from dixtill_hf.evaluation.agreement.base import ExplanationPair, register_measure


@register_measure(
    "rank_agreement",
    "mean share of important words with the same place in both rankings, in [0, 1].",
    at_k=True,
)
def rank_agreement(pair: ExplanationPair, k: int) -> float:
    """Feature agreement that counts only words with the same place in both rankings."""
    return float(pair.top(k).same_place.mean())
