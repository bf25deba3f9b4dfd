# SPDX-License-Identifier: Apache-2.0
"""Intervals and the paired bootstrap against hand arithmetic, enumeration and a naive loop."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest

from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION
from dixtill_hf.evaluation.classification import classification_metrics
from dixtill_hf.evaluation.quality import multi_label_metrics, regression_metrics
from dixtill_hf.evaluation.significance import (
    LABEL_METRICS,
    METRICS,
    Interval,
    interval,
    paired_bootstrap,
)


def noisy(labels: np.ndarray, accuracy: float, seeds: int, size: int, seed: int) -> np.ndarray:
    """Predictions that are right with the given probability, else drawn from all labels."""
    generator = np.random.default_rng(seed)
    right = generator.random((seeds, len(labels))) < accuracy
    return np.where(right, labels, generator.integers(size, size=right.shape))


def test_interval_by_hand():
    result = interval([1.0, 2.0, 3.0])
    # Student's t with 2 degrees of freedom has its 97.5 % quantile at 4.302653.
    margin = 4.302653 / math.sqrt(3)
    assert (result.mean, result.sd) == (2, 1)
    assert result.low == pytest.approx(2 - margin, abs=1e-6)
    assert result.high == pytest.approx(2 + margin, abs=1e-6)


def test_interval_widens_with_the_level():
    # Quantile 90 % of Student's t with 1 degree of freedom (Cauchy): tan(0.4 π).
    result = interval([0.0, 2.0], level=0.8)
    assert result.high - result.mean == pytest.approx(math.tan(0.4 * math.pi))


def test_interval_of_one_seed_is_a_mean_alone():
    assert interval([0.8]) == Interval(0.8, None, None, None)


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], [1.0, math.nan]])
def test_interval_refuses_what_is_not_one_number_per_seed(values):
    with pytest.raises(ValueError, match="one finite number per seed"):
        interval(values)


@pytest.mark.parametrize("metric", METRICS)
def test_difference_is_that_of_the_classification_metrics(metric):
    labels = np.random.default_rng(0).integers(4, size=50)
    # The highest label is never predicted by b and the lowest never occurs.
    labels = np.maximum(labels, 1)
    a, b = noisy(labels, 0.6, 3, 4, seed=1), np.minimum(noisy(labels, 0.4, 2, 4, seed=2), 2)
    expected = [
        np.mean([classification_metrics(np.eye(4)[row], labels)[metric] for row in method])
        for method in (a, b)
    ]
    result = paired_bootstrap(a, b, labels, metric=metric, resamples=10)
    assert result.difference == pytest.approx(expected[0] - expected[1])


def test_a_constant_predictor_has_no_correlation():
    result = paired_bootstrap([0, 1, 1], [1, 1, 1], [0, 1, 1], metric="matthews", resamples=10)
    assert result.difference == 1


def test_bootstrap_matches_the_enumeration_of_all_resamples():
    labels, a, b = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0]), np.array([0, 0, 1, 1])
    advantage = (a == labels).astype(int) - (b == labels)
    resamples = itertools.product(range(4), repeat=4)
    everything = np.array([advantage[list(texts)].mean() for texts in resamples])
    result = paired_bootstrap(a, b, labels, metric="accuracy", resamples=40_000)
    assert result.difference == everything.mean() == 0.25
    assert result.p_value == pytest.approx(2 * (everything <= 0).mean(), abs=0.02)
    assert (result.low, result.high) == tuple(np.quantile(everything, [0.025, 0.975]))


def naive_macro_f1(predictions: np.ndarray, labels: np.ndarray) -> float:
    scores = []
    for label in set(predictions) | set(labels):
        hits = np.sum((predictions == label) & (labels == label))
        scores.append(2 * hits / (np.sum(predictions == label) + np.sum(labels == label)))
    return float(np.mean(scores))


def test_bootstrap_matches_a_naive_loop_over_texts_and_seeds():
    labels = np.random.default_rng(0).integers(3, size=80)
    a, b = noisy(labels, 0.7, 3, 3, seed=1), noisy(labels, 0.6, 2, 3, seed=2)
    generator = np.random.default_rng(3)
    differences = []
    for _ in range(4000):
        texts = generator.integers(80, size=80)
        means = [
            np.mean(
                [
                    naive_macro_f1(method[seed, texts], labels[texts])
                    for seed in generator.integers(len(method), size=len(method))
                ]
            )
            for method in (a, b)
        ]
        differences.append(means[0] - means[1])
    result = paired_bootstrap(a, b, labels, resamples=20_000)
    low, high = np.quantile(differences, [0.025, 0.975])
    assert result.low == pytest.approx(low, abs=0.01)
    assert result.high == pytest.approx(high, abs=0.01)
    assert result.p_value == pytest.approx(2 * np.mean(np.array(differences) <= 0), abs=0.02)


def test_seeds_are_resampled_too():
    labels = np.zeros(20, dtype=int)
    one_of_two_fails = np.stack([labels, labels + 1])
    # Whatever the texts, a's mean is 0, ½, ½ or 1 with the seeds drawn, and b's is 1.
    result = paired_bootstrap(one_of_two_fails, labels, labels, "accuracy", resamples=20_000)
    assert (result.difference, result.low, result.high) == (-0.5, -1, 0)
    assert result.p_value == pytest.approx(2 * 1 / 4, abs=0.02)


def test_texts_are_drawn_jointly_for_both_methods():
    labels = np.array([0, 1] * 20)
    mistaken = labels.copy()
    mistaken[:10] = 1 - mistaken[:10]
    result = paired_bootstrap(mistaken, mistaken, labels, resamples=500)
    assert (result.difference, result.low, result.high, result.p_value) == (0, 0, 0, 1)


def test_exchanging_the_methods_turns_the_sign():
    labels = np.random.default_rng(0).integers(3, size=200)
    a, b = noisy(labels, 0.8, 1, 3, seed=1), noisy(labels, 0.6, 1, 3, seed=2)
    forth, back = paired_bootstrap(a, b, labels), paired_bootstrap(b, a, labels)
    assert forth.difference == pytest.approx(-back.difference)
    assert forth.low == pytest.approx(-back.high, abs=0.005)
    assert forth.p_value == pytest.approx(back.p_value, abs=0.005)


def test_the_p_value_is_never_zero():
    labels = np.zeros(100, dtype=int)
    result = paired_bootstrap(labels, labels + 1, labels, resamples=99)
    assert result.p_value == pytest.approx(2 / 100)


def test_the_result_depends_on_the_seed_alone():
    labels = np.random.default_rng(0).integers(3, size=100)
    a, b = noisy(labels, 0.7, 2, 3, seed=1), noisy(labels, 0.6, 2, 3, seed=2)
    first = paired_bootstrap(a, b, labels, resamples=500, seed=7)
    assert first == paired_bootstrap(a, b, labels, resamples=500, seed=7)
    assert first != paired_bootstrap(a, b, labels, resamples=500, seed=8)


@pytest.mark.slow
def test_memory_stays_bounded():
    labels = np.random.default_rng(0).integers(3, size=2388)
    a, b = noisy(labels, 0.7, 5, 3, seed=1), noisy(labels, 0.6, 5, 3, seed=2)
    tracemalloc.start()
    paired_bootstrap(a, b, labels, resamples=10_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200e6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"problem_type": "ranking"}, "problem_type must be one of .*, regression, got 'ranking'"),
        ({"metric": "f1"}, "one of accuracy, macro_f1, matthews, got 'f1'"),
        ({"resamples": 0}, "resamples must be at least 1, got 0"),
        ({"level": 95}, "between 0 and 1, such as 0.95; got 95"),
        ({"predictions_a": [0, 1]}, r"predictions_a have shape \(1, 2\) for 3 labels"),
        ({"predictions_b": [[[0, 1, 1]]]}, r"predictions_b have shape \(1, 1, 3\)"),
        ({"predictions_a": np.zeros((0, 3), int)}, "at least one seed"),
        ({"predictions_a": [0.2, 0.1, 0.7]}, "predictions_a hold float64 values"),
        ({"labels": [0, 1, -100]}, "labels hold int64 values from -100"),
        ({"labels": [[0, 1, 1]]}, r"labels have shape \(1, 3\)"),
        ({"labels": []}, "at least one text"),
    ],
)
def test_bad_inputs_are_named(changes, message):
    arguments = {"predictions_a": [0, 1, 1], "predictions_b": [0, 0, 1], "labels": [0, 1, 1]}
    with pytest.raises(ValueError, match=message):
        paired_bootstrap(**(arguments | changes))


def test_several_labels_are_compared_by_the_metrics_of_their_kind() -> None:
    generator = np.random.default_rng(0)
    right = generator.random((50, 4)) < 0.4
    a, b = (right ^ (generator.random((2, 50, 4)) < noise) for noise in (0.1, 0.4))
    for metric in LABEL_METRICS:
        found = paired_bootstrap(a, b, right, metric, resamples=300, problem_type=MULTI_LABEL)
        scores = [
            np.mean([multi_label_metrics(one.astype(float), right)[metric] for one in seeds])
            for seeds in (a, b)
        ]
        assert found.difference == pytest.approx(scores[0] - scores[1])
        assert 0 < found.low < found.difference < found.high


def test_values_are_compared_by_the_metrics_of_their_kind() -> None:
    generator = np.random.default_rng(0)
    right = generator.normal(loc=5, size=(60, 2))
    a, b = (right + generator.normal(scale=noise, size=(3, 60, 2)) for noise in (0.2, 1.0))
    for metric, sign in (("pearson", 1), ("mae", -1)):
        found = paired_bootstrap(a, b, right, metric, resamples=300, problem_type=REGRESSION)
        scores = [
            np.mean([regression_metrics(one, right)[metric] for one in seeds]) for seeds in (a, b)
        ]
        assert found.difference == pytest.approx(scores[0] - scores[1])
        assert sign * found.low > 0
        assert sign * found.high > 0


def test_shapes_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match=r"predictions_b have shape \(1, 3, 2\)"):
        paired_bootstrap(
            np.ones((3, 4)), np.ones((3, 2)), np.ones((3, 4)), problem_type=MULTI_LABEL
        )


def test_a_thousand_labels_need_little_more_memory_than_two() -> None:
    """Neither texts nor kinds are ever held for each label."""
    generator = np.random.default_rng(0)
    texts = 1_000

    def peak(labels: int) -> int:
        right, a, b = generator.integers(labels, size=(3, texts))
        tracemalloc.start()
        paired_bootstrap(a, b, right, resamples=20)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(1_000) < 3_000_000  # a dense row for each text would take 8 MB
