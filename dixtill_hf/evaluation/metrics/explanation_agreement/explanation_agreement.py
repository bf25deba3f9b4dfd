# SPDX-License-Identifier: Apache-2.0
"""`dixtill_hf.evaluation.agreement` as a metric of the `evaluate` library."""

from collections.abc import Sequence
from typing import Any

import evaluate
from datasets import Features, Value
from datasets import Sequence as ListOf

from dixtill_hf.evaluation import agreement

_DESCRIPTION = """\
How far the explanations of one model agree with those of another on the same texts: the cosine \
of the word scores, the share of the k most important words that both name (feature agreement), \
and the same counting only words whose scores have the same sign (sign agreement).
"""

_INPUTS_DESCRIPTION = """
Args:
    predictions: for each text, the list of signed scores of its words by the model to judge.
    references: for each text, the scores of the same words by the reference model.
    ks: numbers of words that count as important; (1, 3, 5) by default.

Returns:
    cosine: mean cosine over texts, in [-1, 1].
    feature_agreement@k: for each k, the mean feature agreement over texts, in [0, 1].
    sign_agreement@k: for each k, the mean sign agreement over texts, in [0, 1].
    texts: number of texts that the means are over.
    left_out: number of texts without words, or of which the reference scores every word 0.
    The means are None when every text is left out.

Examples:
    >>> metric = evaluate.load("dixtill_hf/evaluation/metrics/explanation_agreement")
    >>> metric.compute(predictions=[[3, 4]], references=[[4, 3]], ks=[1])
    {'cosine': 0.96, 'feature_agreement@1': 0.0, 'sign_agreement@1': 0.0, 'texts': 1, 'left_out': 0}
"""

_CITATION = """\
@article{krishna2022disagreement,
  title   = {The Disagreement Problem in Explainable Machine Learning: A Practitioner's
             Perspective},
  author  = {Krishna, Satyapriya and Han, Tessa and Gu, Alex and Wu, Steven and Jabbari, Shahin
             and Lakkaraju, Himabindu},
  journal = {arXiv preprint arXiv:2202.01602},
  year    = {2022}
}
@article{cantini2024xai,
  title   = {{XAI}-driven knowledge distillation of large language models for efficient deployment
             on low-resource devices},
  author  = {Cantini, Riccardo and Orsino, Alessio and Talia, Domenico},
  journal = {Journal of Big Data},
  volume  = {11},
  number  = {63},
  year    = {2024},
  doi     = {10.1186/s40537-024-00928-3}
}
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _INPUTS_DESCRIPTION)
class ExplanationAgreement(evaluate.Metric):
    """Agreement of two models' explanations."""

    def _info(self) -> evaluate.MetricInfo:
        scores = ListOf(Value("float64"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS_DESCRIPTION,
            features=Features({"predictions": scores, "references": scores}),
            license="Apache-2.0",
            reference_urls=[
                "https://arxiv.org/abs/2202.01602",
                "https://doi.org/10.1186/s40537-024-00928-3",
            ],
        )

    def _compute(
        self,
        predictions: Sequence[Sequence[float]],
        references: Sequence[Sequence[float]],
        ks: Sequence[int] = (1, 3, 5),
    ) -> dict[str, Any]:
        return agreement.explanation_agreement(references, predictions, ks)
