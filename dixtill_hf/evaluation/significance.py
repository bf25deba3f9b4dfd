# SPDX-License-Identifier: Apache-2.0
"""How certain a figure is: intervals over seeds, and the paired bootstrap between two methods."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from scipy.special import stdtrit

from dixtill_hf.data.names import check_name
from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL

Counts = NDArray[np.float64]

# Numbers drawn at a time (32 MB), which bounds the memory whatever the count of resamples.
_BLOCK_NUMBERS = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and its uncertainty; `sd`, `low`, `high` are None for a single seed."""

    mean: float
    sd: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class PairedDifference:
    """Metric of method a minus that of method b, its interval and its two-sided p value."""

    difference: float
    low: float
    high: float
    p_value: float


def interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean, sample standard deviation and Student's t interval of a metric over seeds.

    Args:
        values: The metric of each seed, shape `(seeds,)`.
        level: Probability that the interval covers the mean over all seeds, in (0, 1).

    Returns:
        The interval; a single value has a mean only.

    Raises:
        ValueError: There is no value, one is not finite, or the level is out of range.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"values must be one finite number per seed, got {values.tolist()}.")
    _check_level(level)
    mean = float(values.mean())
    if len(values) == 1:
        return Interval(mean, None, None, None)
    sd = float(values.std(ddof=1))
    margin = float(stdtrit(len(values) - 1, (1 + level) / 2)) * sd / len(values) ** 0.5
    return Interval(mean, sd, mean - margin, mean + margin)


def _accuracy(hits: Counts, labelled: Counts, predicted: Counts) -> Counts:
    return hits.sum(axis=-1) / labelled.sum(axis=-1)


def _macro_f1(hits: Counts, labelled: Counts, predicted: Counts) -> Counts:
    occurrences = labelled + predicted
    f1 = 2 * hits / np.maximum(occurrences, 1)
    return f1.sum(axis=-1) / np.count_nonzero(occurrences, axis=-1)


def _matthews(hits: Counts, labelled: Counts, predicted: Counts) -> Counts:
    texts = labelled.sum(axis=-1)
    covariance = hits.sum(axis=-1) * texts - (labelled * predicted).sum(axis=-1)
    spread = [texts**2 - (counts**2).sum(axis=-1) for counts in (labelled, predicted)]
    product = spread[0] * spread[1]
    return np.where(product > 0, covariance / np.sqrt(np.maximum(product, 1)), 0.0)


def _micro_f1(hits: Counts, labelled: Counts, predicted: Counts) -> Counts:
    occurrences = labelled.sum(axis=-1) + predicted.sum(axis=-1)
    return 2 * hits.sum(axis=-1) / np.maximum(occurrences, 1)


METRICS: dict[str, Callable[[Counts, Counts, Counts], Counts]] = {
    "accuracy": _accuracy,
    "macro_f1": _macro_f1,
    "matthews": _matthews,
}
"""Metrics that can be bootstrapped: functions of, for each label (the last axis), how many texts
are rightly predicted to have it, how many have it, and how many are predicted to have it. Each
equals the metric of that name in `classification_metrics`."""

LABEL_METRICS: dict[str, Callable[[Counts, Counts, Counts], Counts]] = {
    "micro_f1": _micro_f1,
    "macro_f1": _macro_f1,
}
"""The same for several labels a text; each equals that of `multi_label_metrics`."""


def _pearson(sums: Counts) -> Counts:
    texts, x, y, xx, yy, xy, _ = np.moveaxis(sums, -1, 0)
    spread = np.maximum(texts * xx - x**2, 0) * np.maximum(texts * yy - y**2, 0)
    covariance = texts * xy - x * y
    return np.where(spread > 0, covariance / np.sqrt(np.where(spread > 0, spread, 1)), 0.0)


def _mae(sums: Counts) -> Counts:
    return sums[..., 6] / sums[..., 0]


VALUE_METRICS: dict[str, Callable[[Counts], Counts]] = {"pearson": _pearson, "mae": _mae}
"""Metrics of a regression that can be bootstrapped: functions of sums over texts (the last axis):
of 1, x, y, x², y², xy and |x − y|, of predictions x and right values y, shifted by the mean of the
right values. Each equals that of `regression_metrics`."""


def paired_bootstrap(
    predictions_a: ArrayLike,
    predictions_b: ArrayLike,
    labels: ArrayLike,
    metric: str = "macro_f1",
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
    problem_type: str = SINGLE_LABEL,
) -> PairedDifference:
    """Whether method a scores higher than method b on texts like these, by the paired bootstrap.

    The statistic is the mean over seeds of a's metric minus that of b. Each resample draws as
    many texts as there are, with replacement, the same ones for both methods. Of a method with
    several seeds it draws as many seeds as there are too, with replacement, for each method on
    its own, so that the interval holds the chance of training as well as that of the texts.
    (With few seeds it somewhat understates the former: n seeds drawn from n show (n - 1) / n of
    their variance.) The interval runs between percentiles of the resampled differences (Efron
    and Tibshirani, 1993, chapter 13); the p value is twice the smaller share of them on either
    side of 0, a difference of exactly 0 counting on both sides.

    Args:
        predictions_a: Predictions of method a for every text, or for every seed and text: labels,
            `(texts,)` or `(seeds, texts)`. If a text may have several labels, whether it gets
            each, `(texts, labels)` or `(seeds, texts, labels)`; of a regression its values,
            `(texts, outputs)` or `(seeds, texts, outputs)`.
        predictions_b: Predictions of method b for the same texts; its number of seeds may differ.
        labels: What is right for every text, in the same form. Labels are integers from 0.
        metric: A name in `METRICS`, `LABEL_METRICS` if a text may have several labels, or
            `VALUE_METRICS` for a regression, where it is averaged over the outputs. Of "mae" less
            is better.
        resamples: Number of resamples; no p value falls below 2 / (resamples + 1).
        level: Probability that the interval covers the difference, in (0, 1).
        seed: Seed of the resampling; the same arguments give the same result.
        problem_type: Name of the kind of task. Default "single_label_classification".

    Returns:
        The difference on the given texts and seeds, its interval and its p value.

    Raises:
        ValueError: The metric or the kind of task is unknown, shapes do not match, a label is not
            an integer from 0, there is no text or seed, or `resamples` or `level` is out of range.
    """
    check_name("problem_type", problem_type, _TASKS)
    metrics, resampled = _TASKS[problem_type]
    check_name("metric", metric, metrics)
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}.")
    _check_level(level)
    sums, counts, seeds_a = resampled(predictions_a, predictions_b, labels, metric)
    return _paired(sums, counts, seeds_a, resamples, level, seed)


class _LabelSums:
    """Metrics of resampled texts, from counts of labels.

    Texts with the same label and the same predictions may be counted as one kind: resampling texts
    is a multinomial draw over kinds, and every metric is a function of sums over kinds. The labels
    of a text are kept as a sparse row, so that neither memory nor time grows with texts times
    labels.
    """

    def __init__(
        self,
        labelled: csr_matrix,
        predicted: Sequence[csr_matrix],
        metric: Callable[[Counts, Counts, Counts], Counts],
    ) -> None:
        self.size = labelled.shape[1]
        self._labelled, self._predicted, self._metric = labelled, predicted, metric
        self._hits = [one.multiply(labelled).tocsr() for one in predicted]

    def metrics(self, draws: NDArray[np.integer]) -> Counts:
        """The metric of each draw `(draws, kinds)` and each seed: shape `(draws, seeds)`."""
        weights = draws.astype(float)
        labelled = weights @ self._labelled
        columns = [
            self._metric(weights @ hits, labelled, weights @ predicted)
            for hits, predicted in zip(self._hits, self._predicted, strict=True)
        ]
        return np.stack(columns, axis=1)


class _ValueSums:
    """Metrics of resampled texts, from sums of values and of their squares."""

    def __init__(
        self, predicted: Counts, right: Counts, metric: Callable[[Counts], Counts]
    ) -> None:
        centre = right.mean(axis=0)
        x, y = predicted - centre, np.broadcast_to(right - centre, predicted.shape)
        terms = (np.ones_like(x), x, y, x**2, y**2, x * y, np.abs(x - y))
        self._terms = np.stack(terms, axis=-1)  # (seeds, texts, outputs, 7)
        self.size, self._metric = self._terms[0, 0].size, metric

    def metrics(self, draws: NDArray[np.integer]) -> Counts:
        """The metric of each draw `(draws, texts)` and each seed: shape `(draws, seeds)`."""
        weights = draws.astype(float)
        sums = [np.tensordot(weights, one, axes=1) for one in self._terms]
        return np.stack([self._metric(one).mean(axis=-1) for one in sums], axis=1)


class _Resampled(NamedTuple):
    """What is drawn from.

    Attributes:
        sums: Gives the metrics of draws.
        counts: How many texts there are of each kind that is drawn, `(kinds,)`.
        seeds_a: How many of the seeds are of method a; they come first.
    """

    sums: _LabelSums | _ValueSums
    counts: NDArray[np.integer]
    seeds_a: int


def _one_label(a: ArrayLike, b: ArrayLike, right: ArrayLike, metric: str) -> _Resampled:
    a, b, right = _checked(a, b, right)
    kinds, counts = np.unique(np.vstack([right, a, b]), axis=1, return_counts=True)
    width = 1 + int(kinds.max())
    one_hot = [_one_hot(row, width) for row in kinds]
    return _Resampled(_LabelSums(one_hot[0], one_hot[1:], METRICS[metric]), counts, len(a))


def _several_labels(a: ArrayLike, b: ArrayLike, right: ArrayLike, metric: str) -> _Resampled:
    a, b, right = _checked_stacks(a, b, right)
    every = [csr_matrix(one.astype(float)) for one in (right, *a, *b)]
    sums = _LabelSums(every[0], every[1:], LABEL_METRICS[metric])
    return _Resampled(sums, np.ones(len(right), int), len(a))


def _values(a: ArrayLike, b: ArrayLike, right: ArrayLike, metric: str) -> _Resampled:
    a, b, right = _checked_stacks(a, b, right)
    sums = _ValueSums(np.concatenate([a, b]), right, VALUE_METRICS[metric])
    return _Resampled(sums, np.ones(len(right), int), len(a))


_Resampler = Callable[[ArrayLike, ArrayLike, ArrayLike, str], _Resampled]
_TASKS: dict[str, tuple[Collection[str], _Resampler]] = {
    SINGLE_LABEL: (METRICS, _one_label),
    MULTI_LABEL: (LABEL_METRICS, _several_labels),
    REGRESSION: (VALUE_METRICS, _values),
}


def _one_hot(labels: NDArray[np.integer], width: int) -> csr_matrix:
    places = np.arange(len(labels) + 1)
    return csr_matrix((np.ones(len(labels)), labels, places), shape=(len(labels), width))


def _paired(
    sums: _LabelSums | _ValueSums,
    counts: NDArray[np.integer],
    seeds_a: int,
    resamples: int,
    level: float,
    seed: int,
) -> PairedDifference:
    metrics = sums.metrics(counts[None])[0]
    differences = _resampled_differences(sums, counts, seeds_a, resamples, seed)
    low, high = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2])
    fewer = int(min((differences <= 0).sum(), (differences >= 0).sum()))
    return PairedDifference(
        difference=float(metrics[:seeds_a].mean() - metrics[seeds_a:].mean()),
        low=float(low),
        high=float(high),
        p_value=min(1.0, 2 * (1 + fewer) / (1 + resamples)),
    )


def _resampled_differences(
    sums: _LabelSums | _ValueSums,
    counts: NDArray[np.integer],
    seeds_a: int,
    resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    texts = int(counts.sum())
    block = max(1, _BLOCK_NUMBERS // (len(counts) + sums.size))
    differences = []
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        draws = generator.multinomial(texts, counts / texts, size=size)
        metrics = sums.metrics(draws)
        a, b = (
            _mean_of_drawn_seeds(part, generator)
            for part in (metrics[:, :seeds_a], metrics[:, seeds_a:])
        )
        differences.append(a - b)
    # Equal means of several seeds may differ in the last bit, which would count as a difference.
    return np.concatenate(differences).round(12)


def _mean_of_drawn_seeds(metrics: Counts, generator: np.random.Generator) -> Counts:
    """Mean over as many seeds as there are, drawn with replacement: `(draws, seeds)` to draws."""
    seeds = metrics.shape[1]
    drawn = generator.integers(seeds, size=metrics.shape)
    return np.take_along_axis(metrics, drawn, axis=1).mean(axis=1)


def _checked(
    predictions_a: ArrayLike, predictions_b: ArrayLike, labels: ArrayLike
) -> list[NDArray[np.integer]]:
    """The three as integer arrays, the predictions of shape `(seeds, texts)`."""
    a, b, labels = np.atleast_2d(predictions_a), np.atleast_2d(predictions_b), np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0:
        raise ValueError(f"labels have shape {labels.shape}: expected (texts,), at least one text.")
    named = {"predictions_a": a, "predictions_b": b, "labels": labels}
    for name, values in named.items():
        if values.shape[-1] != len(labels) or values.ndim > 2 or values.size == 0:
            raise ValueError(
                f"{name} have shape {values.shape} for {len(labels)} labels: expected (texts,) or "
                "(seeds, texts) with at least one seed."
            )
        if not np.issubdtype(values.dtype, np.integer) or values.min() < 0:
            raise ValueError(
                f"{name} hold {values.dtype} values from {values.min()}: expected integers from 0, "
                "the position of the label; leave out texts without a label."
            )
    return list(named.values())


def _checked_stacks(
    predictions_a: ArrayLike, predictions_b: ArrayLike, labels: ArrayLike
) -> tuple[NDArray, NDArray, NDArray]:
    """The three as arrays, the predictions of shape `(seeds, texts, outputs)`."""
    right = np.asarray(labels)
    stacks = [np.asarray(one) for one in (predictions_a, predictions_b)]
    stacks = [one[None] if one.ndim == 2 else one for one in stacks]
    for name, one in zip(("predictions_a", "predictions_b"), stacks, strict=True):
        if right.ndim != 2 or right.size == 0 or one.ndim != 3 or one.shape[1:] != right.shape:
            raise ValueError(
                f"{name} have shape {one.shape} for labels of shape {right.shape}: expected "
                "(texts, outputs), and (seeds, texts, outputs) or the same, with at least one text."
            )
    return stacks[0], stacks[1], right


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, such as 0.95; got {level}.")
