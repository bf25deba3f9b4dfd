# SPDX-License-Identifier: Apache-2.0
"""What a reader must know before trusting the figures of a run, found in the figures themselves.

Each check is a function of the metrics and the series. It returns a sentence, or None if it does
not apply.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.measurements import (
    METRIC_NAMES,
    Series,
    headline,
    main_metric,
    number,
    quality_of,
)
from dixtill_hf.reporting.tables import verdict

Check = Callable[[Mapping[str, Any], Sequence[Series]], str | None]

# Below this many seeds the interval of a mean is several standard deviations wide.
_FEW_SEEDS = 4
# Below this many test texts of a label, a few of them move its F1 by points.
_FEW_TEXTS = 50


def caveats(metrics: Mapping[str, Any], series: Sequence[Series]) -> list[str]:
    """Every caveat that the figures call for, as Markdown sentences."""
    found = (check(metrics, series) for check in _CHECKS)
    return [sentence for sentence in found if sentence]


def _quick(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    if not metrics.get("quick"):
        return None
    return (
        "This is a quick benchmark: few training texts, test texts, seeds and timed batches. Its "
        "figures are rough. Run the same command without --quick for better ones."
    )


def _left_out(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    reasons = metrics.get("left_out")
    if not reasons:
        return None
    return f"Left out, because it does not work for this teacher: {fmt.text('; '.join(reasons))}"


def _no_people(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    if "test" not in metrics["dataset"].get("labelled_by_teacher", []):
        return None
    return (
        "No test text has a label by people. The teacher's own labels are taken in their place: "
        "accuracy, F1 and the like tell how far the students agree with the teacher, and nothing "
        "tells how good the teacher is. Label some test texts to find out."
    )


def _synthetic_data(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    if metrics["dataset"]["source"] != "embedded":
        return None
    return (
        "A generator made the texts. These figures show that the pipeline works, not how good the "
        "models are on real text."
    )


def _has_intervals(series: Sequence[Series]) -> bool:
    """Whether any row has an interval: one seed has none."""
    return max(len(one.results) for one in series) > 1


def _one_seed(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    if _has_intervals(series):
        return None
    return (
        "Only one seed: there are no intervals, and a difference of one point between two students "
        "may be chance. Use more seeds to find out."
    )


def _few_seeds(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    seeds = min((len(one.results) for one in series if len(one.results) > 1), default=None)
    if seeds is None or seeds > _FEW_SEEDS:
        return None
    return f"Only {seeds} seeds: little is known about the spread, so the intervals are wide."


def _uneven_seeds(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    counts = {
        one.name: len(one.results) for one in series if one.results[0].get("seed") is not None
    }
    if len(set(counts.values())) < 2:
        return None
    told = fmt.listing([f"{fmt.text(name)} {count}" for name, count in counts.items()])
    return f"The number of seeds differs: {told}."


def _test_noise(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    """Binomial standard error of the accuracy, which intervals over seeds do not hold."""
    texts = metrics["dataset"]["splits"].get("test")
    found = headline(series).estimate("accuracy")
    if not texts or found is None:
        return None
    error = math.sqrt(found.mean * (1 - found.mean) / texts)
    paired = " and mostly cancels in the paired comparisons" * bool(metrics.get("comparisons"))
    about_seeds = "The intervals show only how much training varies with the seed. "
    return (
        f"{about_seeds if _has_intervals(series) else ''}The choice of the "
        f"{fmt.counted(texts, 'test text')} adds a standard error of {fmt.score(error)} in "
        f"accuracy, which is the same for all rows{paired}."
    )


def _rare_label(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    counts = (metrics["dataset"].get("label_counts") or {}).get("test") or {}
    if not counts:
        return None
    label, texts = min(counts.items(), key=lambda item: item[1])
    if texts >= _FEW_TEXTS:
        return None
    return (
        f"The label {fmt.text(label)} has only {fmt.counted(texts, 'test text')}: a few of them "
        "can change macro F1 by points."
    )


def _one_teacher(metrics: Mapping[str, Any], series: Sequence[Series]) -> str:
    no_interval = "Its row has no interval, and another" if _has_intervals(series) else "Another"
    return f"There is only one teacher. {no_interval} teacher may give other results."


def _other_split(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    splits = {row.get("split", "test") for one in series for row in one.results}
    splits.add(metrics["teacher"].get("split", "test"))
    if splits == {"test"}:
        return None
    told = fmt.listing([fmt.text(split) for split in sorted(splits)])
    return f"Not every row was scored on the test split: {told} were used."


def _no_bag_of_words(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    if any(one.method == "bag_of_words" for one in series):
        return None
    return "No bag of words was fitted, so a linear model may be as good."


def _beaten_by_bag_of_words(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    one = headline(series)
    own = one.estimate(one.main)
    baseline = next((other for other in series if other.method == "bag_of_words"), None)
    value = baseline.estimate(one.main) if baseline and baseline is not one else None
    if own is None or value is None or own.mean > value.mean:
        return None
    return (
        f"A bag of words is at least as good as {fmt.text(one.name)} here "
        f"({METRIC_NAMES[one.main]} {fmt.score(value.mean)} and {fmt.score(own.mean)}). If you "
        "do not need explanations like the teacher's, it is the simpler choice."
    )


def _weak_teacher(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    main = main_metric(metrics)
    teacher = number(metrics["teacher"].get(main))
    estimates = [(one, one.estimate(main)) for one in series]
    as_good = [
        fmt.text(one.name)
        for one, found in estimates
        if teacher is not None and found is not None and found.mean >= teacher
    ]
    if not as_good:
        return None
    return (
        f"In {METRIC_NAMES[main]} the teacher is not better than {fmt.listing(as_good)}: students "
        "can learn little from it."
    )


def _truncated(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    texts = metrics["teacher"].get("truncated_texts")
    if not texts:
        return None
    return (
        f"{fmt.counted(texts, 'text')} exceeded the teacher's maximum length. The teacher did not "
        "read the rest, and its explanation gives those words 0."
    )


def _undecided(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    rows = metrics.get("comparisons") or []
    open_ones = sum(verdict(row) == "no clear difference" for row in rows)
    if not open_ones:
        return None
    return (
        f"{open_ones} of {fmt.counted(len(rows), 'paired comparison')} did not show which model "
        "is better."
    )


def _many_comparisons(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    rows = metrics.get("comparisons") or []
    if len(rows) < 2:
        return None
    return (
        f"The p-values of the {len(rows)} paired comparisons are not corrected for their number. "
        f"For the Bonferroni correction, multiply each by {len(rows)}."
    )


def _different_explanations(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    kinds = {kind for one in series for kind in one.explanation_kinds}
    if len(kinds) < 2:
        return None
    return (
        f"The table of agreement holds explanations of {len(kinds)} kinds. Part of a difference "
        "may come from the kind, not from the training."
    )


def _undefined_metrics(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    names = [
        title
        for key, title in quality_of(metrics).names.items()
        if any(number(row.get(key)) is None for one in series for row in one.results)
        or number(metrics["teacher"].get(key)) is None
    ]
    if not names:
        return None
    return (
        f"{fmt.listing(names)} could not be computed for every model (a label absent from the "
        f"test split, or a model without probabilities). The tables show {fmt.NOTHING}."
    )


_CHECKS: tuple[Check, ...] = (
    _quick,
    _left_out,
    _no_people,
    _synthetic_data,
    _weak_teacher,
    _beaten_by_bag_of_words,
    _no_bag_of_words,
    _one_seed,
    _few_seeds,
    _uneven_seeds,
    _test_noise,
    _rare_label,
    _other_split,
    _undefined_metrics,
    _truncated,
    _different_explanations,
    _undecided,
    _many_comparisons,
    _one_teacher,
)
