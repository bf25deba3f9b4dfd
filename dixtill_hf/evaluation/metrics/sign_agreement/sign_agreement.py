# SPDX-License-Identifier: Apache-2.0
"""Sign agreement of explanations as a metric of the `evaluate` library."""

from dixtill_hf.evaluation import metric_modules


class SignAgreement(metric_modules.AgreementMetric):
    """Agreement of two models' explanations in important words and their signs."""

    measures = ("sign_agreement",)
    summary = (
        "How far two models explain the same texts by the same words, speaking the same way: the "
        "share of the reference's k most important words that are among the other model's too, "
        "with scores of the same sign."
    )


if __name__ == "__main__":  # the Space's page
    metric_modules.page(__file__).launch()
