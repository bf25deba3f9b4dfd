# SPDX-License-Identifier: Apache-2.0
"""A calibration finds where the path is rough, and fits a rule that integrates it."""

import numpy as np

from dixtill_hf.explainers.integrated_gradients import PATH_POINTS, calibrate_path
from dixtill_hf.explainers.quadrature import gauss_legendre

EVEN = np.linspace(0, 1, PATH_POINTS)


def _derivative(t: np.ndarray, centre: float) -> np.ndarray:
    """Derivative of a step from 0 to 1 at a place, as smooth as a logistic curve."""
    return 30 / (2 * np.cosh((t - centre) * 15)) ** 2


def _text(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Derivatives `(points, 1, tokens)`, the change of the output, and each token's share."""
    shares, centres = rng.normal(size=4), rng.normal(0.4, 0.05, 4)
    values = np.stack([_derivative(EVEN, c) * s for c, s in zip(centres, shares, strict=True)], -1)
    logistic = 1 / (1 + np.exp(-30 * (1 - centres))) - 1 / (1 + np.exp(30 * centres))
    exact = shares * logistic
    return values[:, None], exact.sum(keepdims=True), np.stack([centres, shares, exact])


def test_a_calibrated_rule_integrates_what_a_plain_one_does_not():
    rng = np.random.default_rng(0)
    texts = [_text(rng) for _ in range(40)]
    seen, unseen = texts[:20], texts[20:]
    calibration = calibrate_path([t[0] for t in seen], [t[1] for t in seen], steps=7)

    def error(rule):
        return np.mean(
            [
                abs(rule.weights @ _derivative(rule.nodes, centre) * share - exact)
                for _, _, tokens in unseen
                for centre, share, exact in tokens.T
            ]
        )

    assert error(calibration.rule()) < error(gauss_legendre(7)) / 5
    assert error(calibration.warped_rule(14)) < error(gauss_legendre(14)) / 2


def test_the_profile_is_high_where_the_gradients_are():
    rng = np.random.default_rng(1)
    texts = [_text(rng) for _ in range(8)]
    calibration = calibrate_path([t[0] for t in texts], [t[1] for t in texts], steps=5)
    profile = np.array(calibration.profile)
    assert len(profile) == PATH_POINTS
    assert abs(EVEN[profile.argmax()] - 0.4) < 0.1
    assert profile.mean() == 1 or abs(profile.mean() - 1) < 1e-9
