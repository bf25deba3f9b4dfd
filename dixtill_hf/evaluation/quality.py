# SPDX-License-Identifier: Apache-2.0
"""Quality of predictions by the kind of task: which metrics there are, and what they say.

All metrics are computed by scikit-learn and SciPy. Texts without a label are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    mean_absolute_error,
)

from dixtill_hf.data.problem_types import (
    DEFAULT_THRESHOLD,
    MULTI_LABEL,
    PROBLEM_TYPES,
    REGRESSION,
    SINGLE_LABEL,
    ProblemType,
)
from dixtill_hf.evaluation.classification import classification_metrics

Metrics = dict[str, float | None]


@dataclass(frozen=True)
class Quality:
    """The metrics of one kind of task.

    Attributes:
        names: Metric → what readers see, in the order of tables.
        main: The metric that tells the best of several models. More of it is better.
        lower_is_better: Those of which less is better.
        compute: Scores `(texts, outputs)`, labels, thresholds → the metrics, of labelled texts.
        agreement: The student's and the teacher's scores and their thresholds → how far the
            predictions agree, 1 if fully.
    """

    names: dict[str, str]
    main: str
    lower_is_better: tuple[str, ...]
    compute: Callable[[NDArray, NDArray, ArrayLike], Metrics]
    agreement: Callable[[NDArray, NDArray, ArrayLike, ArrayLike], float | None]


def multi_label_metrics(
    probabilities: NDArray, labels: NDArray, thresholds: ArrayLike = DEFAULT_THRESHOLD
) -> Metrics:
    """Metrics of several labels a text.

    Args:
        probabilities: Shape `(texts, labels)`.
        labels: 1 for each label of a text, 0 for the others, `(texts, labels)`.
        thresholds: Probability from which on a text has a label: one, or one for each label.

    Returns:
        `micro_f1` over all pairs of text and label; `macro_f1`, the mean over the labels that occur
        in `labels` or among the predictions; `mean_average_precision`, the mean over the labels
        that occur in `labels` of the area under the precision-recall curve (no threshold is
        needed); `exact_match`, the share of texts with the right set of labels. The mean average
        precision is None if no label occurs.
    """
    predicted = PROBLEM_TYPES[MULTI_LABEL].decisions(probabilities, thresholds)
    right = labels == 1
    occurs = right.any(0)
    either = np.flatnonzero(occurs | predicted.any(0))
    macro = f1_score(right, predicted, average=None, zero_division=0.0)[either]
    precisions = [
        average_precision_score(right[:, label], probabilities[:, label])
        for label in np.flatnonzero(occurs)
    ]
    return {
        "micro_f1": float(f1_score(right, predicted, average="micro", zero_division=0.0)),
        "macro_f1": float(macro.mean()) if len(macro) else 0.0,
        "mean_average_precision": float(np.mean(precisions)) if precisions else None,
        "exact_match": float(accuracy_score(right, predicted)),
    }


def regression_metrics(values: NDArray, labels: NDArray, thresholds: ArrayLike = 0) -> Metrics:
    """Metrics of a regression, each the mean over the outputs.

    Args:
        values: Shape `(texts, outputs)`.
        labels: The right values, `(texts, outputs)`.
        thresholds: Not used: values are not decided upon.

    Returns:
        `pearson` and `spearman`, the correlations, None if an output is constant on either side;
        and `mae`, the mean absolute error.
    """
    pairs = list(zip(np.asarray(values).T, np.asarray(labels).T, strict=True))
    varies = all(len(np.unique(one)) > 1 for pair in pairs for one in pair)
    return {
        "pearson": float(np.mean([pearsonr(*p).statistic for p in pairs])) if varies else None,
        "spearman": float(np.mean([spearmanr(*p).statistic for p in pairs])) if varies else None,
        "mae": float(mean_absolute_error(labels, values)),
    }


def _same_label(
    student: NDArray, teacher: NDArray, thresholds: ArrayLike, theirs: ArrayLike
) -> float:
    return float((student.argmax(-1) == teacher.argmax(-1)).mean())


def _micro_f1_of_labels(
    student: NDArray, teacher: NDArray, thresholds: ArrayLike, theirs: ArrayLike
) -> float:
    problem = PROBLEM_TYPES[MULTI_LABEL]
    ours, wanted = problem.decisions(student, thresholds), problem.decisions(teacher, theirs)
    return float(f1_score(wanted, ours, average="micro", zero_division=1.0))


def _correlation(
    student: NDArray, teacher: NDArray, thresholds: ArrayLike, theirs: ArrayLike
) -> float | None:
    return regression_metrics(student, teacher)["pearson"]


QUALITY: dict[str, Quality] = {
    SINGLE_LABEL: Quality(
        {
            "accuracy": "accuracy",
            "macro_f1": "macro F1",
            "matthews": "Matthews",
            "roc_auc": "ROC AUC",
        },
        "macro_f1",
        (),
        lambda probabilities, labels, thresholds: classification_metrics(probabilities, labels),
        _same_label,
    ),
    MULTI_LABEL: Quality(
        {
            "micro_f1": "micro F1",
            "macro_f1": "macro F1",
            "mean_average_precision": "mean average precision",
            "exact_match": "exact match",
        },
        "mean_average_precision",
        (),
        multi_label_metrics,
        _micro_f1_of_labels,
    ),
    REGRESSION: Quality(
        {"pearson": "Pearson", "spearman": "Spearman", "mae": "MAE"},
        "pearson",
        ("mae",),
        regression_metrics,
        _correlation,
    ),
}
"""The metrics by the name of the kind of task."""


def quality(
    problem: ProblemType,
    scores: ArrayLike,
    labels: NDArray,
    thresholds: ArrayLike = DEFAULT_THRESHOLD,
) -> Metrics:
    """The metrics of the labelled texts; None each if no text has a label.

    Args:
        problem: The kind of task.
        scores: Probabilities or values, as `problem.scores` gives them, `(texts, outputs)`.
        labels: As `problem.array` gives them.
        thresholds: Probability from which on a text has a label, if it may have several.
    """
    labelled = problem.is_labelled(labels)
    metrics = QUALITY[problem.name]
    if not labelled.any():
        return dict.fromkeys(metrics.names)
    return metrics.compute(np.asarray(scores, float)[labelled], labels[labelled], thresholds)


def prediction_agreement(
    problem: ProblemType,
    student: ArrayLike,
    teacher: ArrayLike,
    thresholds: ArrayLike = DEFAULT_THRESHOLD,
    teacher_thresholds: ArrayLike = DEFAULT_THRESHOLD,
) -> float | None:
    """How far a student predicts what its teacher predicts, 1 if always.

    Args:
        problem: The kind of task.
        student: The student's scores, `(texts, outputs)`.
        teacher: The teacher's.
        thresholds: The student's thresholds, if a text may have several labels.
        teacher_thresholds: The teacher's.

    Returns:
        The share of texts with the same label; for several labels a text the micro F1 of the
        student's labels against the teacher's; for a regression the correlation (Pearson) of the
        values, None if one side is constant.
    """
    agreement = QUALITY[problem.name].agreement
    return agreement(np.asarray(student), np.asarray(teacher), thresholds, teacher_thresholds)


def label_f1(
    problem: ProblemType,
    scores: NDArray,
    labels: NDArray,
    names: Sequence[str],
    thresholds: ArrayLike = DEFAULT_THRESHOLD,
) -> dict[str, float | None]:
    """F1 of each label of a classification with several labels a text.

    Args:
        problem: The kind of task.
        scores: Probabilities, `(texts, labels)`.
        labels: As `problem.array` gives them, of labelled texts.
        names: Names of the labels.
        thresholds: As for `quality`.

    Returns:
        F1 by name; None for a label that neither occurs nor is predicted.
    """
    predicted: Any = problem.decisions(scores, thresholds)
    right = labels == 1
    found = f1_score(right, predicted, average=None, zero_division=0.0)
    occurs = right.any(0) | predicted.any(0)
    return {
        name: float(value) if there else None
        for name, value, there in zip(names, found, occurs, strict=True)
    }
