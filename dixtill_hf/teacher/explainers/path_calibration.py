# SPDX-License-Identifier: Apache-2.0
"""How a teacher's gradients run along the path from baseline to text, learnt from a few texts.

The gradients of one teacher rise and fall in much the same place for all texts, so a rule that is
fitted to some integrates the others with half the evaluations of a general one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import trapezoid
from scipy.interpolate import CubicSpline

from dixtill_hf.teacher.explainers.quadrature import Rule, fitted, share_residual, warped

# Even points of the path at which the texts are looked at, and those between them.
PATH_POINTS = 33
_FINE_POINTS = 129


@dataclass(frozen=True)
class PathCalibration:
    """A rule fitted to a teacher, and the profile that it was fitted to.

    Attributes:
        nodes: Of the fitted rule.
        weights: Of the fitted rule.
        profile: Size of the gradients at even points of [0, 1], 1 on average.
    """

    nodes: tuple[float, ...]
    weights: tuple[float, ...]
    profile: tuple[float, ...]

    def rule(self) -> Rule:
        """The fitted rule."""
        return Rule(np.array(self.nodes), np.array(self.weights))

    def warped_rule(self, steps: int) -> Rule:
        """A Gauss-Legendre rule of any size that follows the profile."""
        return warped(steps, np.array(self.profile))


def calibrate_path(
    derivatives: Sequence[np.ndarray], changes: Sequence[np.ndarray], steps: int
) -> PathCalibration:
    """Fit a rule to the derivatives of some texts.

    Args:
        derivatives: Of every text, `(PATH_POINTS, outputs, tokens)`, not all 0: what each token
            adds to the derivative of each output, at even points of the path.
        changes: Of every text, F(text) − F(baseline), `(outputs,)`.
        steps: Nodes of the fitted rule.
    """
    even, fine = np.linspace(0, 1, PATH_POINTS), np.linspace(0, 1, _FINE_POINTS)
    squared = np.zeros(PATH_POINTS)
    functions, integrals = [], []
    for text, change in zip(derivatives, changes, strict=True):
        size = np.linalg.norm(text, axis=(1, 2))
        squared += (size / size.mean()) ** 2
        curves = CubicSpline(even, text)(fine)
        totals = share_residual(trapezoid(curves, fine, axis=0), change)
        scale = np.linalg.norm(totals)
        functions.append(curves.reshape(_FINE_POINTS, -1) / scale)
        integrals.append(totals.reshape(-1) / scale)
    profile = np.sqrt(squared)
    profile /= profile.mean()
    rule = fitted(warped(steps, profile), np.concatenate(functions, 1), np.concatenate(integrals))
    return PathCalibration(tuple(rule.nodes), tuple(rule.weights), tuple(profile))
