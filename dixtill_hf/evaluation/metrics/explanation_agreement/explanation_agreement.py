# SPDX-License-Identifier: Apache-2.0
"""Agreement of explanations as a metric of the `evaluate` library; it needs no other file."""

from collections.abc import Sequence
from typing import Any

import evaluate
import numpy as np
from datasets import Features, Value
from datasets import Sequence as ListOf

_INPUTS = """
Args:
    predictions: for each text, the list of signed scores of its words by the model to judge.
    references: for each text, the scores of the same words by the reference model.
    ks: numbers of words that count as important; (1, 3, 5) by default.

Returns:
    cosine: mean cosine of the scores over texts, in [-1, 1].
    kendall: mean Kendall's tau-b of the scores over texts, in [-1, 1].
    spearman: mean Spearman's rank correlation of the scores over texts, in [-1, 1].
    feature_agreement@k: for each k, mean share of the reference's k most important words that are
        among the other model's k too, in [0, 1].
    sign_agreement@k: the same, counting only words whose scores have the same sign.
    rank_agreement@k: the same, counting only words with the same place in both rankings.
    signed_rank_agreement@k: the same, counting only words with the same place and sign.
    texts: number of texts that the means are over.
    left_out: number of texts without words, or of which the reference scores every word 0.
    unranked: number of texts that kendall and spearman leave out in addition, the reference
        scoring all words alike.
    The means are None when there is no text to average.
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
"""


class ExplanationAgreement(evaluate.Metric):
    """How far one model explains texts as another does (Krishna et al., 2022)."""

    def _info(self) -> evaluate.MetricInfo:
        scores = ListOf(Value("float64"))
        return evaluate.MetricInfo(
            description="How far the explanations of one model agree with those of another on the "
            "same texts.",
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=Features({"predictions": scores, "references": scores}),
            license="Apache-2.0",
            reference_urls=["https://arxiv.org/abs/2202.01602"],
        )

    def _compute(
        self,
        predictions: Sequence[Sequence[float]],
        references: Sequence[Sequence[float]],
        ks: Sequence[int] = (1, 3, 5),
    ) -> dict[str, Any]:
        if not ks or min(ks) < 1:
            raise ValueError(f"ks must be numbers of words, each at least 1, got {list(ks)}.")
        if not len(predictions):
            raise ValueError("There is no text: give at least one.")
        rows, left_out, unranked = [], 0, 0
        for text, pair in enumerate(zip(references, predictions, strict=True)):
            reference, judged = _checked(text, *pair)
            if not reference.any():
                left_out += 1
                continue
            rows.append(_agreement(reference, judged, sorted(set(ks))))
            unranked += "kendall" not in rows[-1]
        names = ["cosine", "kendall", "spearman"]
        names += [f"{name}@{k}" for k in sorted(set(ks)) for name in _AT_K]
        values = {name: [row[name] for row in rows if name in row] for name in names}
        means = {name: float(np.mean(v)) if v else None for name, v in values.items()}
        return {**means, "texts": len(rows), "left_out": left_out, "unranked": unranked}


_AT_K = ("feature_agreement", "sign_agreement", "rank_agreement", "signed_rank_agreement")


def _checked(text: int, reference: Any, judged: Any) -> tuple[np.ndarray, np.ndarray]:
    reference, judged = np.asarray(reference, dtype=float), np.asarray(judged, dtype=float)
    if reference.shape != judged.shape:
        raise ValueError(
            f"text {text} has {len(judged)} scores in predictions and {len(reference)} in "
            "references: give one of each a word."
        )
    if not (np.isfinite(reference).all() and np.isfinite(judged).all()):
        raise ValueError(f"text {text} has a score that is not finite: give finite scores.")
    return reference, judged


def _agreement(reference: np.ndarray, judged: np.ndarray, ks: Sequence[int]) -> dict[str, float]:
    """All measures of one text; the rank correlations only if the reference ranks its words."""
    found = {"cosine": _cosine(reference, judged)}
    if len(np.unique(reference)) > 1:
        # Signs of the differences of all words; the sum of a row is the rank, doubled and centred.
        orders = [np.sign(scores[:, None] - scores) for scores in (reference, judged)]
        found["kendall"] = _cosine(*(order.ravel() for order in orders))
        found["spearman"] = _cosine(*(order.sum(axis=1) for order in orders))
    ranking, other = _ranking(reference), _ranking(judged)
    for k in ks:
        words = ranking[:k]  # fewer than k if the reference scores fewer
        shared = np.isin(words, other[: len(words)])
        sign = np.sign(reference[words]) == np.sign(judged[words])
        place = np.zeros(len(words), dtype=bool)
        both = min(len(words), len(other))
        place[:both] = words[:both] == other[:both]
        counted = (shared, shared & sign, place, place & sign)
        found |= {f"{n}@{k}": float(c.mean()) for n, c in zip(_AT_K, counted, strict=True)}
    return found


def _cosine(reference: np.ndarray, judged: np.ndarray) -> float:
    """The cosine; 0 if all of the judged scores are 0."""
    if not judged.any():
        return 0.0
    # Dividing by the largest score first keeps the squares of very small scores above zero.
    a, b = reference / np.abs(reference).max(), judged / np.abs(judged).max()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def _ranking(scores: np.ndarray) -> np.ndarray:
    """Places of the words by absolute score, the earlier first among equals, without zeros."""
    ranking = np.argsort(-np.abs(scores), kind="stable")
    return ranking[scores[ranking] != 0]
