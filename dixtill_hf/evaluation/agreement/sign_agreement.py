# SPDX-License-Identifier: Apache-2.0
"""Sign agreement (Krishna et al., 2022, section 3.2)."""

from dixtill_hf.evaluation.agreement.base import ExplanationPair, register_measure


@register_measure(
    "sign_agreement",
    "mean share of common important words whose scores have the same sign, in [0, 1].",
    at_k=True,
)
def sign_agreement(pair: ExplanationPair, k: int) -> float:
    """Feature agreement that counts only words whose scores have the same sign."""
    top = pair.top(k)
    return float((top.shared & top.same_sign).mean())
