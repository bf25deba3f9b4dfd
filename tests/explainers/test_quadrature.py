# SPDX-License-Identifier: Apache-2.0
"""Rules on [0, 1] against integrals known in closed form."""

import numpy as np
import pytest

from dixtill_hf.explainers.quadrature import (
    fitted,
    gauss_legendre,
    share_residual,
    warped,
)

GRID = np.linspace(0, 1, 129)


def _hills(centres: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Bell curves on the grid, and their integrals over [0, 1], by the error function."""
    from scipy.special import erf

    curves = np.exp(-(((GRID[:, None] - centres) / width) ** 2))
    areas = erf((1 - centres) / width) + erf(centres / width)
    return curves, width * np.sqrt(np.pi) / 2 * areas


def test_gauss_legendre_integrates_polynomials_exactly():
    nodes, weights = gauss_legendre(5)
    for degree in range(10):  # exact up to degree 2n − 1
        assert np.dot(weights, nodes**degree) == pytest.approx(1 / (degree + 1), abs=1e-14)


def test_an_even_profile_warps_nothing():
    plain, even = gauss_legendre(6), warped(6, np.ones(33))
    np.testing.assert_allclose(even.nodes, plain.nodes, atol=1e-12)
    np.testing.assert_allclose(even.weights, plain.weights, atol=1e-12)


def test_a_warped_rule_sees_the_hill_that_a_plain_one_misses():
    curve, area = _hills(np.array([0.37]), 0.05)
    profile = curve[::4, 0]

    def error(rule):
        values = np.exp(-(((rule.nodes - 0.37) / 0.05) ** 2))
        return abs(rule.weights @ values - area[0]) / area[0]

    assert error(warped(16, profile)) < error(gauss_legendre(16)) / 3


def test_a_fitted_rule_beats_the_one_it_started_from_on_unseen_functions():
    rng = np.random.default_rng(0)
    curves, areas = _hills(rng.normal(0.4, 0.05, 200), 0.12)
    start = warped(5, curves.mean(1)[::4])
    rule = fitted(start, curves[:, :150], areas[:150])
    unseen = np.array([np.interp(rule.nodes, GRID, curve) for curve in curves[:, 150:].T])
    before = np.array([np.interp(start.nodes, GRID, curve) for curve in curves[:, 150:].T])
    errors = [
        np.abs(values @ weights - areas[150:]).mean()
        for values, weights in ((unseen, rule.weights), (before, start.weights))
    ]
    assert errors[0] < errors[1] / 2
    assert (np.diff(rule.nodes) >= 0).all()
    assert 0 <= rule.nodes[0] <= rule.nodes[-1] <= 1


def test_a_residual_is_shared_in_proportion_to_size():
    scores = np.array([[3.0, -1.0, 0.0], [1.0, 1.0, 2.0]])
    shared = share_residual(scores, np.array([4.0, 2.0]))
    # 2 is missing of the first, shared 3 : 1 : 0; 2 is too much in the second, 1 : 1 : 2.
    np.testing.assert_allclose(shared, [[4.5, -0.5, 0.0], [0.5, 0.5, 1.0]])


def test_nothing_is_shared_where_there_are_no_scores():
    np.testing.assert_array_equal(share_residual(np.zeros((2, 3)), np.ones(2)), np.zeros((2, 3)))
    assert share_residual(np.zeros((1, 0)), np.zeros(1)).shape == (1, 0)
