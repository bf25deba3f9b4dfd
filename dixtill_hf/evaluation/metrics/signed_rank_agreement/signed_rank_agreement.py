# SPDX-License-Identifier: Apache-2.0
"""Signed rank agreement of explanations as a metric of the `evaluate` library."""

from dixtill_hf.evaluation import metric_modules


class SignedRankAgreement(metric_modules.AgreementMetric):
    """Agreement of two models' explanations in important words, their order and their signs."""

    measures = ("signed_rank_agreement",)
    summary = (
        "How far two models rank the words of the same texts alike, speaking the same way: the "
        "share of the reference's k most important words that have the same place in the other "
        "model's ranking, with scores of the same sign."
    )


if __name__ == "__main__":  # the Space's page
    metric_modules.page(__file__).launch()
