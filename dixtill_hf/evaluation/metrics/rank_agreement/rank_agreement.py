# SPDX-License-Identifier: Apache-2.0
"""Rank agreement of explanations as a metric of the `evaluate` library."""

from dixtill_hf.evaluation import metric_modules


class RankAgreement(metric_modules.AgreementMetric):
    """Agreement of two models' explanations in important words and their order."""

    measures = ("rank_agreement",)
    summary = (
        "How far two models rank the words of the same texts alike: the share of the reference's "
        "k most important words that have the same place in the other model's ranking."
    )


if __name__ == "__main__":  # the Space's page
    metric_modules.page(__file__).launch()
