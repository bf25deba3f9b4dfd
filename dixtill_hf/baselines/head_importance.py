# SPDX-License-Identifier: Apache-2.0
"""How important each attention head of a teacher is, by masking or by gradients, and which go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import f1_score

from dixtill_hf.annotation.worker import default_tokens
from dixtill_hf.baselines.attention_heads import (
    HeadMap,
    gated_heads,
    masked_heads,
    recorded_layers,
    resumed_from,
)
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText, collate, encode_texts
from dixtill_hf.teacher.loading import Teacher

Metric = Callable[[NDArray[np.integer], NDArray[np.integer]], float]
"""From the right labels and the predicted ones to a score, the higher the better."""

# Averages over the labels that occur among either, as `classification_metrics` does.
macro_f1: Metric = partial(f1_score, average="macro", zero_division=0.0)
REMOVED = -np.inf
"""The importance of a head that the model no longer has: any other goes after it."""


def masking_importance(
    teacher: Teacher, texts: Sequence[str], labels: ArrayLike, metric: Metric = macro_f1
) -> NDArray[np.float64]:
    """By how much the score falls when one head alone is silent (Michel et al. 2019, section 3.2).

    Cantini et al. (2024) rank heads so, by macro F1. Where a head does harm its importance is
    below 0. A silent head changes nothing below its layer, so only the layers from there on are
    run again for it.

    Args:
        teacher: A teacher whose model type is one of `attention_heads.LAYOUTS`.
        texts: Labelled texts that are not the test set.
        labels: Their labels in the order of the data's, shape `(texts,)`.
        metric: From right labels and predicted ones to the score, as scikit-learn's metrics.

    Returns:
        Shape `(layers, heads)`, counted as before any head was removed; `REMOVED` for those that
        the model no longer has.

    Raises:
        ValueError: The model's type is not supported, there is no text, or the labels do not fit.
    """
    head_map = HeadMap(teacher.model)
    labels = _checked(teacher, texts, labels)
    encoded = encode_texts(teacher, texts)
    unmasked = np.zeros(len(texts), dtype=np.int64)
    masked = np.zeros((len(head_map.layers), head_map.heads, len(texts)), dtype=np.int64)

    def work(rows: list[int]) -> None:
        batch = [encoded[row] for row in rows]
        unmasked[rows], masked[:, :, rows] = _predictions(teacher, head_map, batch)

    TokenBudget(default_tokens(teacher)).run([len(text) for text in encoded], work)
    whole = metric(labels, unmasked)
    importance = np.full(masked.shape[:2], REMOVED)
    for layer, kept in enumerate(head_map.kept):
        for head in kept:
            importance[layer, head] = whole - metric(labels, masked[layer, head])
    return importance


def _predictions(
    teacher: Teacher, head_map: HeadMap, texts: Sequence[EncodedText]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels predicted by the whole model `(texts,)`, and with one head silent each.

    The second has shape `(layers, heads, texts)`, 0 for heads that the model no longer has.
    """
    model, inputs = teacher.model, collate(teacher, texts).inputs

    def predict() -> NDArray[np.int64]:
        return teacher.logits(inputs).argmax(-1).cpu().numpy()

    masked = np.zeros((len(head_map.kept), head_map.heads, len(texts)), dtype=np.int64)
    with torch.inference_mode():
        with recorded_layers(model) as outputs:
            unmasked = predict()
        for layer, kept in enumerate(head_map.kept):
            with resumed_from(model, layer, outputs):
                for head in kept:
                    with masked_heads(model, {layer: [head]}):
                        masked[layer, head] = predict()
    return unmasked, masked


def gradient_importance(
    teacher: Teacher, texts: Sequence[str], labels: ArrayLike
) -> NDArray[np.float64]:
    """How sensitive the loss is to each head (Michel et al. 2019, section 4.1).

    The mean over the texts of |∂L/∂ξ_h|, where L is the cross-entropy of the text's label and ξ_h
    multiplies what head h found (1 if nothing is masked); every layer's scores are then divided
    by their L2 norm. One forward and one backward pass for all heads.

    Args:
        teacher: A teacher whose model type is one of `attention_heads.LAYOUTS`.
        texts: Labelled texts that are not the test set.
        labels: Their labels in the order of the data's, shape `(texts,)`.

    Returns:
        Shape `(layers, heads)`, counted as before any head was removed; `REMOVED` for those that
        the model no longer has, 0 for those masked from outside.

    Raises:
        ValueError: The model's type is not supported, there is no text, or the labels do not fit.
    """
    head_map = HeadMap(teacher.model)
    labels = _checked(teacher, texts, labels)
    encoded = encode_texts(teacher, texts)
    sums = [np.zeros(len(kept)) for kept in head_map.kept]

    def work(rows: list[int]) -> None:
        gradients = _gate_gradients(teacher, head_map, [encoded[i] for i in rows], labels[rows])
        for total, gradient in zip(sums, gradients, strict=True):
            total += gradient.abs().double().sum(0).cpu().numpy()

    TokenBudget(default_tokens(teacher)).run([len(text) for text in encoded], work)
    importance = np.full((len(sums), head_map.heads), REMOVED)
    for layer, (kept, total) in enumerate(zip(head_map.kept, sums, strict=True)):
        norm = np.linalg.norm(total)
        importance[layer, kept] = total / norm if norm else total
    return importance


def _gate_gradients(
    teacher: Teacher,
    head_map: HeadMap,
    texts: Sequence[EncodedText],
    labels: NDArray[np.integer],
) -> tuple[torch.Tensor, ...]:
    """For every layer the derivatives of each text's loss by its own gates, `(texts, heads)`."""
    model = teacher.model
    gates = {
        layer: torch.ones(
            len(texts), len(kept), dtype=model.dtype, device=model.device, requires_grad=True
        )
        for layer, kept in enumerate(head_map.kept)
    }
    with torch.enable_grad(), gated_heads(model, gates):
        logits = teacher.logits(collate(teacher, texts).inputs)
        targets = torch.as_tensor(labels, device=logits.device)
        # No text's loss depends on another's gates: the sum has each text's own derivatives.
        loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        return torch.autograd.grad(loss, tuple(gates.values()))


def _checked(teacher: Teacher, texts: Sequence[str], labels: ArrayLike) -> NDArray[np.integer]:
    labels = np.asarray(labels)
    if len(texts) == 0 or labels.shape != (len(texts),):
        raise ValueError(
            f"got {len(texts)} texts and labels of shape {labels.shape}: expected at least one "
            "text, and a label for each"
        )
    last = len(teacher.label_order) - 1
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels have type {labels.dtype}: expected integers from 0 to {last}")
    wrong = np.flatnonzero((labels < 0) | (labels > last))
    if len(wrong):
        raise ValueError(
            f"the label of row {wrong[0]} is {labels[wrong[0]]}: allowed are 0 to {last}; leave "
            "out texts without a label"
        )
    return labels


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
        teacher: A teacher whose model type is one of `attention_heads.LAYOUTS`.
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
