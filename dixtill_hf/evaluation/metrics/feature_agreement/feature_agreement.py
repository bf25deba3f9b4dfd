# SPDX-License-Identifier: Apache-2.0
"""Feature agreement of explanations as a metric of the `evaluate` library."""

from dixtill_hf.evaluation import metric_modules


class FeatureAgreement(metric_modules.AgreementMetric):
    """Agreement of two models' explanations in the words that both count as important."""

    measures = ("feature_agreement",)
    summary = (
        "How far two models explain the same texts by the same words: the share of the "
        "reference's k most important words that are among the other model's k most important "
        "words too."
    )


if __name__ == "__main__":  # the Space's page
    metric_modules.page(__file__).launch()
