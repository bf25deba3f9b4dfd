# SPDX-License-Identifier: Apache-2.0
"""Quadrature on [0, 1]: where a path is looked at, and how much each look counts."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.integrate import trapezoid
from scipy.optimize import minimize

# A little of every part of the path keeps its node where the profile is nearly nothing.
_FLOOR = 0.05
_RIDGE = 1e-3


class Rule(NamedTuple):
    """Nodes on [0, 1] and their weights, float64 `(steps,)` each."""

    nodes: np.ndarray
    weights: np.ndarray


@lru_cache(maxsize=16)
def gauss_legendre(steps: int) -> Rule:
    """The Gauss-Legendre rule, exact for polynomials up to degree 2·steps − 1."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return Rule((nodes + 1) / 2, weights / 2)


def warped(steps: int, profile: np.ndarray) -> Rule:
    """Gauss-Legendre after a change of variable that spreads a profile evenly.

    Nodes lie close together where the profile is high; weights hold the derivative of the change.

    Args:
        steps: Nodes.
        profile: `(points,)`, at least 0, on equal steps of [0, 1]: how much happens there.
    """
    grid = np.linspace(0, 1, len(profile))
    density = profile / profile.mean() + _FLOOR
    density /= trapezoid(density, grid)
    passed = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(grid))])
    even, weights = gauss_legendre(steps)
    nodes = np.interp(even, passed / passed[-1], grid)
    return Rule(nodes, weights / np.interp(nodes, grid, density))


def fitted(start: Rule, functions: np.ndarray, integrals: np.ndarray) -> Rule:
    """The rule with the least squared error on example functions.

    For given nodes the best weights are a ridge regression, drawn towards equal ones; the nodes
    are then moved by the Nelder-Mead method (variable projection).

    Args:
        start: Where the search begins; it sets the number of nodes.
        functions: `(points, functions)`, values on equal steps of [0, 1].
        integrals: `(functions,)`, their integrals over [0, 1].
    """
    count = len(start.nodes)

    def weigh(nodes: np.ndarray) -> tuple[np.ndarray, float]:
        values = _at(functions, nodes)
        equal = np.full(count, 1 / count)
        gram = values @ values.T
        gram += _RIDGE * np.trace(gram) / count * np.eye(count)
        weights = equal + np.linalg.solve(gram, values @ (integrals - equal @ values))
        return weights, float(((integrals - weights @ values) ** 2).sum())

    simplex = np.vstack([start.nodes, start.nodes + 0.05 * np.eye(count)])
    found = minimize(
        lambda nodes: weigh(nodes.clip(0, 1))[1],
        start.nodes,
        method="Nelder-Mead",
        options={
            "initial_simplex": simplex,
            "maxiter": 300 * count,
            "xatol": 1e-3,
            "fatol": 1e-6,
        },
    )
    nodes = np.sort(found.x.clip(0, 1))
    return Rule(nodes, weigh(nodes)[0])


def _at(functions: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Values `(nodes, functions)` between the points of an even grid, linearly."""
    last = len(functions) - 1
    place = nodes * last
    left = np.minimum(place.astype(int), last - 1)
    share = (place - left)[:, None]
    return functions[left] * (1 - share) + functions[left + 1] * share


def share_residual(scores: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Make scores add up to what they should, each moved in proportion to its size.

    The error of a quadrature is mostly one of scale, the same for all tokens of a text, so this
    brings the scores nearer to the exact integral; see docs/guides/annotation.md for by how much.

    Args:
        scores: `(..., tokens)`.
        change: `(...)`, the sums that they should have.
    """
    sizes = np.abs(scores)
    total = sizes.sum(-1, keepdims=True)
    missing = (change - scores.sum(-1))[..., None]
    return scores + missing * np.divide(sizes, total, out=np.zeros_like(sizes), where=total > 0)
