# SPDX-License-Identifier: Apache-2.0
"""Signed rank agreement (Krishna et al., 2022, section 3.2)."""

from dixtill_hf.evaluation.agreement.base import ExplanationPair, register_measure


@register_measure(
    "signed_rank_agreement",
    "mean share of important words with the same place and the same sign, in [0, 1].",
    at_k=True,
)
def signed_rank_agreement(pair: ExplanationPair, k: int) -> float:
    """Feature agreement that counts only words with the same place and the same sign."""
    top = pair.top(k)
    return float((top.same_place & top.same_sign).mean())
