# SPDX-License-Identifier: Apache-2.0
"""What the agreement metrics of the `evaluate` library share; their folders are in `metrics/`.

Each folder is a Space for the Hub: a script that names its measures and starts the Space's page, a
card, and what the script requires.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar

import evaluate
from datasets import Features, Value
from datasets import Sequence as ListOf

from dixtill_hf.evaluation.agreement.base import explanation_agreement, known_measures

if TYPE_CHECKING:
    import gradio as gr

_COUNTS = {
    "texts": "number of texts that the means are over.",
    "left_out": "number of texts without words, or of which the reference scores every word 0.",
    "unranked": "number of texts that kendall and spearman leave out in addition, the reference\n"
    "        scoring all words alike.",
}

_INPUTS = """
Args:
    predictions: for each text, the list of signed scores of its words by the model to judge.
    references: for each text, the scores of the same words by the reference model.
    ks: numbers of words that count as important; (1, 3, 5) by default.

Returns:
    {returns}
    The means are None when there is no text to average.

Examples:
    >>> metric = evaluate.load("dixtill_hf/evaluation/metrics/{name}")
    >>> result = metric.compute(predictions=[[0.9, -0.5]], references=[[0.8, 0.1]], ks=[1, 2])
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


class AgreementMetric(evaluate.Metric):
    """Some of the measures of `explanation_agreement`, as a metric of the `evaluate` library.

    Attributes:
        measures: Which ones: names in `known_measures()`.
        summary: What they measure, in a sentence or two.
    """

    measures: ClassVar[Sequence[str]]
    summary: ClassVar[str]

    def _info(self) -> evaluate.MetricInfo:
        scores = ListOf(Value("float64"))
        return evaluate.MetricInfo(
            description=self.summary,
            citation=_CITATION,
            inputs_description=self._inputs(),
            features=Features({"predictions": scores, "references": scores}),
            license="Apache-2.0",
            reference_urls=[
                "https://arxiv.org/abs/2202.01602",
                "https://doi.org/10.1186/s40537-024-00928-3",
            ],
        )

    def _inputs(self) -> str:
        chosen = [known_measures()[name] for name in self.measures]
        lines = [
            f"{measure.name}@k: for each k, {measure.summary}"
            if measure.at_k
            else f"{measure.name}: {measure.summary}"
            for measure in chosen
        ]
        lines += [f"{name}: {_COUNTS[name]}" for name in self._counts()]
        folder = type(self).__module__.rpartition(".")[2]
        return _INPUTS.format(returns="\n    ".join(lines), name=folder)

    def _counts(self) -> list[str]:
        ranked = any(known_measures()[name].needs_ranking for name in self.measures)
        return [name for name in _COUNTS if ranked or name != "unranked"]

    def _compute(
        self,
        predictions: Sequence[Sequence[float]],
        references: Sequence[Sequence[float]],
        ks: Sequence[int] = (1, 3, 5),
    ) -> dict[str, Any]:
        kept = {*self.measures, *self._counts()}
        result = explanation_agreement(references, predictions, ks)
        return {name: value for name, value in result.items() if name.partition("@")[0] in kept}


def page(script: str | PathLike[str]) -> gr.Interface:
    """The page of a metric's Space: two lists of explanations in, their agreement out.

    Args:
        script: The metric's script, as `evaluate.load` takes it.
    """
    import gradio as gr

    metric = evaluate.load(str(script))

    def compare(predictions: str, references: str) -> dict[str, Any]:
        """The metric of explanations written as JSON: one list of word scores per text."""
        try:
            return metric.compute(
                predictions=json.loads(predictions), references=json.loads(references)
            )
        except (TypeError, ValueError) as error:
            raise gr.Error(str(error)) from error

    return gr.Interface(
        fn=compare,
        inputs=[
            gr.Textbox(label="predictions: word scores of each text, by the model to judge"),
            gr.Textbox(label="references: word scores of the same texts, by the reference model"),
        ],
        outputs=gr.JSON(label="agreement"),
        examples=[["[[0.1, -0.9, 0.4], [1.0, 0.2]]", "[[0.2, -0.8, 0.1], [0.7, -0.1]]"]],
        title=metric.name.replace("_", " ").capitalize(),
        description=metric.description,
    )
