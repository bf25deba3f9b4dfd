# SPDX-License-Identifier: Apache-2.0
"""Classification measures against hand arithmetic, and their edges."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from dixtill_hf.evaluation.classification import (
    classification_metrics,
    f1_per_label,
    softmax,
)


def one_hot(predictions: list[int], labels: int) -> np.ndarray:
    return np.eye(labels)[predictions]


def test_softmax_is_shift_invariant_and_survives_large_logits():
    assert softmax([[0.0, math.log(3)]])[0] == pytest.approx([0.25, 0.75])
    assert softmax([[1000.0, 1000.0 + math.log(3)]])[0] == pytest.approx([0.25, 0.75])


def test_three_labels_by_hand():
    # Label 0 is right twice; label 1 is right once and taken for 0 once; label 2 is taken for 1.
    result = classification_metrics(one_hot([0, 0, 1, 0, 1], 3), [0, 0, 1, 1, 2])
    assert result["accuracy"] == pytest.approx(3 / 5)
    assert result["macro_f1"] == pytest.approx((4 / 5 + 1 / 2 + 0) / 3)
    # (hits·n - Σ labelled·predicted) / sqrt((n² - Σ predicted²)(n² - Σ labelled²))
    assert result["matthews"] == pytest.approx(
        (3 * 5 - (2 * 3 + 2 * 2)) / math.sqrt((25 - 9 - 4) * (25 - 4 - 4 - 1))
    )
    # Pairs of a text with the label and one without, in order count 1 and tied count ½. Label 0:
    # 4 in order, 2 tied. Label 1: 2 in order, 3 tied, 1 reversed. Label 2: all 4 tied.
    assert result["roc_auc"] == pytest.approx((5 / 6 + 3.5 / 6 + 2 / 4) / 3)


def test_two_labels_use_the_positive_one():
    probabilities = [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]]
    # Of the four pairs (negative, positive) three are in order.
    assert classification_metrics(probabilities, [0, 0, 1, 1])["roc_auc"] == pytest.approx(3 / 4)


def test_roc_auc_of_many_labels_is_scikit_learns_one_vs_rest():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(5), size=200)
    labels = generator.integers(5, size=200)
    expected = roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert classification_metrics(probabilities, labels)["roc_auc"] == pytest.approx(expected)


def test_roc_auc_leaves_out_labels_that_do_not_occur():
    probabilities = [[0.7, 0.2, 0.1], [0.5, 0.1, 0.4], [0.2, 0.7, 0.1]]
    # Label 0: both of its pairs in order; label 1 the same; label 2 has none.
    assert classification_metrics(probabilities, [0, 0, 1])["roc_auc"] == 1


@pytest.mark.parametrize("labels", [2, 3])
def test_roc_auc_of_a_single_label_is_none(labels):
    result = classification_metrics(one_hot([0, 1], labels), [1, 1])
    assert result["roc_auc"] is None
    assert result["accuracy"] == 0.5
    assert result["matthews"] == 0


def test_macro_f1_counts_labels_that_are_only_predicted():
    # Label 2 occurs nowhere and is left out; label 1 is predicted once and wrongly: F1 of 0.
    result = classification_metrics(one_hot([0, 1], 3), [0, 0])
    assert result["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_f1_of_each_label_and_their_mean():
    probabilities, labels = one_hot([0, 0, 1, 0, 1], 4), [0, 0, 1, 1, 2]
    result = f1_per_label(probabilities, labels, ["up", "down", "flat", "odd"])
    expected = {"up": 4 / 5, "down": 1 / 2, "flat": 0}
    assert result == {name: pytest.approx(value) for name, value in expected.items()} | {
        "odd": None
    }
    macro_f1 = classification_metrics(probabilities, labels)["macro_f1"]
    assert macro_f1 == pytest.approx(sum(expected.values()) / 3)
    with pytest.raises(ValueError, match="1 names for 4 labels: up"):
        f1_per_label(probabilities, labels, ["up"])


def test_perfect_predictions():
    result = classification_metrics(one_hot([0, 1, 2], 3), [0, 1, 2])
    assert result == {"accuracy": 1, "macro_f1": 1, "matthews": 1, "roc_auc": 1}


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        ([0.5, 0.5], [0, 1], r"shape \(2,\): expected \(texts, labels\)"),
        ([[1.0]], [0], "two labels"),
        (np.zeros((0, 3)), [], "at least one text"),
        ([[0.5, 0.5]], [0, 1], "2,.* for 1 rows"),
        ([[0.5, 0.5]], [0.0], "type float64: expected integers"),
        ([[0.5, 0.5], [2.0, -1.0]], [0, 1], r"row 1 .* logits, give softmax\(logits\)"),
        ([[0.5, math.nan]], [0], "row 0 of the probabilities"),
        ([[0.5, 0.5], [0.5, 0.5]], [0, 2], "label of row 1 is 2: allowed are 0 to 1"),
        ([[0.5, 0.5]], [-100], "leave out texts without a label"),
    ],
)
def test_bad_inputs_are_named(probabilities, labels, message):
    with pytest.raises(ValueError, match=message):
        classification_metrics(probabilities, labels)
