# SPDX-License-Identifier: Apache-2.0
"""Metrics of each kind of task, on predictions whose metrics are known."""

import numpy as np
import pytest

from dixtill_hf.data.problem_types import MULTI_LABEL, PROBLEM_TYPES, REGRESSION, SINGLE_LABEL
from dixtill_hf.evaluation.quality import (
    QUALITY,
    label_f1,
    multi_label_metrics,
    prediction_agreement,
    quality,
    regression_metrics,
)

MULTI, VALUES = PROBLEM_TYPES[MULTI_LABEL], PROBLEM_TYPES[REGRESSION]
RIGHT = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]], np.float32)
PROBABILITIES = np.array([[0.9, 0.2, 0.1], [0.6, 0.4, 0.1], [0.7, 0.1, 0.1], [0.1, 0.8, 0.1]])


def test_several_labels() -> None:
    found = multi_label_metrics(PROBABILITIES, RIGHT)
    # First label: 2 right, 1 too many; second: 1 right, 1 missed; the third occurs nowhere.
    assert found["micro_f1"] == pytest.approx(2 * 3 / (4 + 4))
    assert found["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert found["mean_average_precision"] == pytest.approx((5 / 6 + 1) / 2)
    assert found["exact_match"] == 0.5
    assert label_f1(MULTI, PROBABILITIES, RIGHT, ["a", "b", "c"]) == {
        "a": pytest.approx(0.8),
        "b": pytest.approx(2 / 3),
        "c": None,
    }


def test_values() -> None:
    right = np.array([[1.0], [2.0], [4.0]])
    found = regression_metrics(2 * right + 1, right)
    assert found["pearson"] == pytest.approx(1)
    assert found["spearman"] == pytest.approx(1)
    assert found["mae"] == pytest.approx((right + 1).mean())
    constant = regression_metrics(np.zeros((3, 1)), right)
    assert (constant["pearson"], constant["spearman"]) == (None, None)


@pytest.mark.parametrize("name", QUALITY)
def test_every_kind_of_task_has_what_it_names(name: str) -> None:
    problem, one = PROBLEM_TYPES[name], QUALITY[name]
    logits = np.random.default_rng(0).normal(size=(6, 2))
    labels = problem.array({SINGLE_LABEL: [0, 1, 0, 1, 1, None]}.get(name, [None] * 6), 2)
    if name != SINGLE_LABEL:
        labels[:5] = np.random.default_rng(1).integers(0, 2, (5, 2))
    found = quality(problem, problem.scores(logits), labels)
    assert set(found) == set(one.names)
    assert one.main in found
    unlabelled = problem.array([None] * 6, 2)
    assert quality(problem, problem.scores(logits), unlabelled) == dict.fromkeys(one.names)
    assert prediction_agreement(problem, *[problem.scores(logits)] * 2) == pytest.approx(1)
