# SPDX-License-Identifier: Apache-2.0
"""All of `dixtill_hf.evaluation.agreement` as a metric of the `evaluate` library."""

from dixtill_hf.evaluation import metric_modules


class ExplanationAgreement(metric_modules.AgreementMetric):
    """Agreement of two models' explanations by every measure."""

    measures = tuple(sorted(metric_modules.known_measures()))
    summary = (
        "How far the explanations of one model agree with those of another on the same texts: the "
        "cosine and the rank correlations of the word scores, and the share of the k most "
        "important words that both name, counting all, those of the same sign, those with the "
        "same place in both rankings, or those with both in common."
    )


if __name__ == "__main__":  # the Space's page
    metric_modules.page(__file__).launch()
