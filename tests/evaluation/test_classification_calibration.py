# SPDX-License-Identifier: Apache-2.0
"""The calibration error against hand arithmetic."""

import numpy as np
import pytest

from dixtill_hf.evaluation.classification import calibration_error


def two_labels(confidences: list[float]) -> np.ndarray:
    return np.array([[confidence, 1 - confidence] for confidence in confidences])


def test_three_bins_by_hand():
    # With 10 bins: 0.62 and 0.68 together, one of two right; 0.95 alone and right; 0.71 wrong.
    probabilities = two_labels([0.62, 0.68, 0.95, 0.71])
    expected = (2 * abs(0.5 - 0.65) + abs(1 - 0.95) + abs(0 - 0.71)) / 4
    assert calibration_error(probabilities, [0, 1, 0, 1], bins=10) == pytest.approx(expected)


def test_the_upper_end_belongs_to_a_bin():
    # With 2 bins 0.5 falls into the lower one, so it does not make up for the 0.9 that is wrong.
    probabilities = two_labels([0.5, 0.9])
    assert calibration_error(probabilities, [0, 1], bins=2) == pytest.approx((0.5 + 0.9) / 2)
    assert calibration_error(probabilities, [0, 1], bins=1) == pytest.approx(abs(1 - 1.4) / 2)


def test_right_and_sure_is_calibrated_and_wrong_and_sure_is_not():
    sure = np.eye(3)[[0, 1, 2]]
    assert calibration_error(sure, [0, 1, 2]) == 0
    assert calibration_error(sure, [1, 2, 0]) == 1


def test_labels_drawn_from_the_probabilities_are_calibrated():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(3), size=20_000)
    labels = (probabilities.cumsum(axis=1) < generator.random((20_000, 1))).sum(axis=1)
    assert calibration_error(probabilities, labels) < 0.015
    sharper = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    assert calibration_error(sharper, labels) > 0.1


def test_bad_inputs_are_named():
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        calibration_error([[1.0, 0.0]], [0], bins=0)
    with pytest.raises(ValueError, match="logits"):
        calibration_error([[2.0, 0.0]], [0])
