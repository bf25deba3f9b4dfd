# SPDX-License-Identifier: Apache-2.0
"""How a fine-tuning is judged on validation, by the kind of task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import pearsonr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    mean_absolute_error,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL


@dataclass(frozen=True)
class Judgement:
    """How the predictions of one kind of task are judged.

    Attributes:
        metric: Name of the metric that tells the best epoch; more of it is better.
        called: What messages call it.
        compute: Logits `(texts, outputs)` and labels, as `ProblemType.array` gives them → metrics.
        linear: Makes a linear model of words, unfitted.
        predict: That model, fitted, and texts → logits.
    """

    metric: str
    called: str
    compute: Callable[[NDArray, NDArray], dict[str, float]]
    linear: Callable[[], Any]
    predict: Callable[[Any, Sequence[str]], NDArray]


def _of_one_label(logits: NDArray, labels: NDArray) -> dict[str, float]:
    predicted = np.argmax(logits, axis=-1)
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro")),
    }


def _of_several_labels(logits: NDArray, labels: NDArray) -> dict[str, float]:
    occurs = np.flatnonzero((labels == 1).any(0))
    precisions = [average_precision_score(labels[:, one], logits[:, one]) for one in occurs]
    micro = f1_score(labels, expit(logits) >= 0.5, average="micro", zero_division=0.0)
    return {
        "micro_f1": float(micro),
        "mean_average_precision": float(np.mean(precisions)) if precisions else 0.0,
    }


def _of_values(values: NDArray, labels: NDArray) -> dict[str, float]:
    """The mean over the outputs; a constant output has no correlation, which counts as 0."""
    values, labels = values.reshape(len(values), -1), labels.reshape(len(labels), -1)
    found = [
        pearsonr(mine, right).statistic if len(np.unique(mine)) > 1 < len(np.unique(right)) else 0.0
        for mine, right in zip(values.T, labels.T, strict=True)
    ]
    return {
        "pearson": float(np.mean(found)),
        "mae": float(mean_absolute_error(labels, values)),
    }


def _logits_of_seen(logits: NDArray, classes: NDArray[np.integer]) -> NDArray:
    """The logits at the places of their labels; labels that training never saw have the least."""
    found = np.full((len(logits), int(classes.max()) + 1), -np.inf)
    found[:, classes] = logits
    return found


def _words() -> TfidfVectorizer:
    """Words and pairs of words (tf-idf)."""
    return TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, max_features=50_000, token_pattern=r"\S+"
    )


def _classifier() -> LogisticRegression:
    return LogisticRegression(C=10, max_iter=1_000)


JUDGEMENTS: dict[str, Judgement] = {
    SINGLE_LABEL: Judgement(
        "macro_f1",
        "macro F1",
        _of_one_label,
        lambda: make_pipeline(_words(), _classifier()),
        lambda model, texts: _logits_of_seen(model.predict_log_proba(texts), model.classes_),
    ),
    MULTI_LABEL: Judgement(
        "mean_average_precision",
        "mean average precision",
        _of_several_labels,
        lambda: make_pipeline(_words(), OneVsRestClassifier(_classifier())),
        lambda model, texts: np.reshape(model.decision_function(texts), (len(texts), -1)),
    ),
    REGRESSION: Judgement(
        "pearson",
        "Pearson correlation",
        _of_values,
        lambda: make_pipeline(_words(), Ridge()),
        lambda model, texts: model.predict(texts),
    ),
}
"""By the name of the kind of task."""
