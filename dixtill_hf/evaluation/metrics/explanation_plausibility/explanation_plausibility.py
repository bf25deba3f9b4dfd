# SPDX-License-Identifier: Apache-2.0
"""Plausibility of explanations as a metric of the `evaluate` library; it needs no other file."""

from collections.abc import Sequence
from typing import Any

import evaluate
import numpy as np
from datasets import Features, Value
from datasets import Sequence as ListOf
from sklearn.metrics import auc, precision_recall_curve

_INPUTS = """
Args:
    predictions: for each text, the scores of its words for the right label.
    references: for each text, 1 for a word that people marked as a reason for the label, else 0.

Returns:
    token_f1: mean F1 of a text's k highest words, k being the number of its marked words.
    auprc: mean area under the precision-recall curve of the scores.
    texts: number of texts that the means are over.
    left_out: number of texts without a marked word.
    The means are None when there is no text to average.
"""


class ExplanationPlausibility(evaluate.Metric):
    """Whether explanations name the words that people marked (DeYoung et al., 2020)."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Whether explanations name the words that people marked as the reason.",
            citation="DeYoung et al. (2020), ERASER: A Benchmark to Evaluate Rationalized NLP "
            "Models, ACL 2020.",
            inputs_description=_INPUTS,
            features=Features(
                {"predictions": ListOf(Value("float64")), "references": ListOf(Value("int64"))}
            ),
            license="Apache-2.0",
            reference_urls=["https://aclanthology.org/2020.acl-main.408/"],
        )

    def _compute(
        self, predictions: Sequence[Sequence[float]], references: Sequence[Sequence[int]]
    ) -> dict[str, Any]:
        if not len(predictions):
            raise ValueError("There is no text: give at least one.")
        rows = []
        for text, (given, marked) in enumerate(zip(predictions, references, strict=True)):
            scores, gold = np.asarray(given, dtype=float), np.asarray(marked, dtype=bool)
            if scores.shape != gold.shape or not np.isfinite(scores).all():
                raise ValueError(
                    f"text {text} has {len(scores)} scores and {len(gold)} marks: give one of each "
                    "a word, and finite scores."
                )
            if gold.any():
                named = np.argsort(-scores, kind="stable")[: gold.sum()]
                precision, recall, _ = precision_recall_curve(gold, scores)
                rows.append((gold[named].mean(), auc(recall, precision)))
        token_f1, auprc = np.mean(rows, axis=0).tolist() if rows else (None, None)
        counts = {"texts": len(rows), "left_out": len(predictions) - len(rows)}
        return {"token_f1": token_f1, "auprc": auprc, **counts}
