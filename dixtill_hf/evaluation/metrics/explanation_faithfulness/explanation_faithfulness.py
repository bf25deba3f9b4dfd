# SPDX-License-Identifier: Apache-2.0
"""Faithfulness of explanations as a metric of the `evaluate` library; it needs no other file."""

from collections.abc import Sequence
from typing import Any

import evaluate
import numpy as np
from datasets import Features, Value
from datasets import Sequence as ListOf

_INPUTS = """
Args:
    full: for each text, the probability of the explained label.
    removed: for each text, its probabilities without the words that the explanation names, one for
        each share of words.
    kept: for each text, its probabilities if only these words are left, one for each share.

Returns:
    comprehensiveness: mean drop when the words are taken out; higher is more faithful.
    sufficiency: mean drop when only the words are left; lower is more faithful.
    texts: number of texts that the means are over.
"""


class ExplanationFaithfulness(evaluate.Metric):
    """Comprehensiveness and sufficiency over shares of words (DeYoung et al., 2020)."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="What becomes of a prediction without the words that its explanation "
            "names, and with these words only.",
            citation="DeYoung et al. (2020), ERASER: A Benchmark to Evaluate Rationalized NLP "
            "Models, ACL 2020.",
            inputs_description=_INPUTS,
            features=Features(
                {
                    "full": Value("float64"),
                    "removed": ListOf(Value("float64")),
                    "kept": ListOf(Value("float64")),
                }
            ),
            license="Apache-2.0",
            reference_urls=["https://aclanthology.org/2020.acl-main.408/"],
        )

    def _compute(
        self, full: Sequence[float], removed: Sequence[Sequence[float]], kept: Sequence[Any]
    ) -> dict[str, Any]:
        if not len(full):
            raise ValueError("There is no text: give at least one.")
        drops = []
        for text, (whole, without, only) in enumerate(zip(full, removed, kept, strict=True)):
            if not len(without) == len(only) > 0:
                raise ValueError(
                    f"text {text} has {len(without)} probabilities without the words and "
                    f"{len(only)} with these words only: give one of each a share, at least one."
                )
            drops.append((whole - np.mean(without), whole - np.mean(only)))
        comprehensiveness, sufficiency = np.mean(drops, axis=0).tolist()
        return {
            "comprehensiveness": comprehensiveness,
            "sufficiency": sufficiency,
            "texts": len(drops),
        }
