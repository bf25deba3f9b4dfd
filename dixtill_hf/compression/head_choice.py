# SPDX-License-Identifier: Apache-2.0
"""Which attention heads to remove: those that matter least, in every layer or in the whole model.

No layer loses its last head.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dixtill_hf.compression.head_importance import REMOVED, gradient_importance
from dixtill_hf.compression.head_masking import masked_heads
from dixtill_hf.teacher.loading import Teacher


def choose_heads(
    importance: ArrayLike, per_layer: int | None = None, total: int | None = None
) -> dict[int, list[int]]:
    """The least important heads; of equally important ones those that stand first.

    Heads that the model no longer has (importance `REMOVED`) come first and count. What is chosen
    for a smaller number is always among what is chosen for a larger one.

    Args:
        importance: Shape `(layers, heads)`, as `masking_importance` and `gradient_importance`
            give it.
        per_layer: Choose so many in every layer, as Cantini et al. (2024) do; 0 to `heads - 1`.
        total: Choose so many over all layers, as Michel et al. (2019) do; 0 to
            `layers * (heads - 1)`.

    Returns:
        Layer → its chosen heads in ascending order, counted as before any was removed; layers that
        keep all their heads are not in it.

    Raises:
        ValueError: Not exactly one of the two numbers is given, it is out of range, or the
            importance is not a matrix or holds a NaN.
    """
    importance = np.asarray(importance, dtype=float)
    if importance.ndim != 2 or np.isnan(importance).any():
        raise ValueError(
            f"importance has shape {importance.shape} and {np.isnan(importance).sum()} NaN: "
            "expected numbers of shape (layers, heads)"
        )
    if (per_layer is None) == (total is None):
        raise ValueError(
            f"give one of per_layer and total, got per_layer={per_layer} and total={total}"
        )
    # The last head of every layer stays: the most important one is no candidate.
    ranks = importance.argsort(axis=1, kind="stable")
    candidates = ranks[:, :-1]
    if total is None:
        _check_number("per_layer", per_layer, candidates.shape[1])
        chosen = {layer: heads[:per_layer] for layer, heads in enumerate(candidates)}
    else:
        _check_number("total", total, candidates.size)
        chosen = _least_of_all(importance, candidates, total)
    return {layer: sorted(map(int, heads)) for layer, heads in chosen.items() if len(heads)}


def iterative_gradient_heads(
    teacher: Teacher, texts: Sequence[str], labels: ArrayLike, per_round: int, total: int
) -> list[dict[int, list[int]]]:
    """Choose heads round by round, ranking the rest anew each time (Michel et al. 2019, section 4).

    Every round removes the heads with the least `gradient_importance` in the whole model, measured
    with those of earlier rounds silent.

    Args:
        teacher: A teacher whose model type is one of `head_layout.LAYOUTS`.
        texts: Labelled texts that are not the test set.
        labels: Their labels in the order of the data's, shape `(texts,)`.
        per_round: Heads to choose in a round, at least 1; the last round may take fewer.
        total: Heads to choose altogether, those that the model no longer has counted.

    Returns:
        After each round all heads chosen so far, as `choose_heads` gives them; the last is for
        `total`.

    Raises:
        ValueError: A number is out of range; also what `gradient_importance` raises.
    """
    if per_round < 1:
        raise ValueError(f"per_round must be at least 1, got {per_round}")
    rounds: list[dict[int, list[int]]] = []
    chosen: dict[int, list[int]] = {}
    for number in [*range(per_round, total, per_round), total]:
        with masked_heads(teacher.model, chosen):
            importance = gradient_importance(teacher, texts, labels)
        for layer, heads in chosen.items():
            importance[layer, heads] = REMOVED
        chosen = choose_heads(importance, total=number)
        rounds.append(chosen)
    return rounds


def _least_of_all(
    importance: NDArray[np.float64], candidates: NDArray[np.integer], total: int
) -> dict[int, list[int]]:
    values = np.take_along_axis(importance, candidates, axis=1)
    chosen: dict[int, list[int]] = {layer: [] for layer in range(len(candidates))}
    for place in values.argsort(axis=None, kind="stable")[:total]:
        layer, rank = divmod(int(place), candidates.shape[1])
        chosen[layer].append(candidates[layer, rank])
    return chosen


def _check_number(name: str, number: int | None, most: int) -> None:
    if number is None or not 0 <= number <= most:
        raise ValueError(
            f"{name} must be from 0 to {most}, since every layer keeps a head; got {number}"
        )
