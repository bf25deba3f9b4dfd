# SPDX-License-Identifier: Apache-2.0
"""The summary at the top of a report: what was distilled, and how good the student is."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION, SINGLE_LABEL
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.benchmark.compared_models import compared_models
from dixtill_hf.reporting.benchmark.efficiency_tables import fastest, main_timings, setting_of
from dixtill_hf.reporting.measurements import (
    METRIC_NAMES,
    Estimate,
    Series,
    headline,
    number,
    problem_type_of,
)
from dixtill_hf.reporting.tables import comparison_name, verdict

_AGREEMENT = {
    SINGLE_LABEL: ". It predicts the teacher's label on {share} of the test texts",
    MULTI_LABEL: ". The micro F1 of its labels against the teacher's is {score}",
    REGRESSION: ". Its values correlate with the teacher's by {score}",
}


def summary(metrics: Mapping[str, Any], series: Sequence[Series]) -> list[str]:
    """One or two Markdown sentences on each thing that was measured."""
    one = headline(series)
    found = [
        _what(metrics, one),
        _choice(one, series),
        _quality(metrics, one),
        _references(one, series),
        _size(metrics, one),
        _time(metrics, one, series),
        _compressed(metrics, series),
        _explanations(one, series),
        _comparisons(metrics, one, series),
    ]
    return [sentence for sentence in found if sentence]


def short_name(name: str) -> str:
    """A name for readers: only the last part of an absolute path, which means nothing elsewhere."""
    path = PurePath(name)
    return path.name if path.is_absolute() else name


def _what(metrics: Mapping[str, Any], one: Series) -> str:
    dataset, teacher = metrics["dataset"], metrics["teacher"]
    labels = fmt.listing([fmt.text(label) for label in dataset["labels"]])
    splits = dataset["splits"]
    tuned = ", fine-tuned in this run" if teacher.get("finetuned") else ""
    return (
        f"**What:** the student {fmt.text(one.name)} ({fmt.count(one.mean('parameters'))} "
        f"parameters) and its teacher {fmt.text(short_name(teacher['name']))} "
        f"({fmt.count(number(teacher.get('parameters')))} parameters{tuned}). Data: "
        f"{fmt.text(short_name(dataset['source']))}, labels {labels}. Training: "
        f"{training_texts(dataset, one)}. Test: {fmt.counted(splits['test'], 'text')}."
        + (" Each text is a pair of texts." if dataset.get("text_pairs") else "")
    )


def training_texts(dataset: Mapping[str, Any], one: Series) -> str:
    """The texts that students learn from: "90 texts and 350 variants ..."."""
    train = dataset["splits"]["train"]
    labelled = dataset.get("labelled")
    counts = dataset.get("label_counts")  # runs of earlier releases have only these
    unlabelled = train - sum(counts["train"].values()) if counts else 0
    unlabelled = train - labelled["train"] if labelled else unlabelled
    added = round((one.mean("train_texts") or train) - train)
    texts = fmt.counted(train, "text")
    if unlabelled:
        texts += f" ({fmt.count(unlabelled)} of them without a label)"
    return f"{texts} and {fmt.count(added)} variants that the teacher labels" if added else texts


def _choice(one: Series, series: Sequence[Series]) -> str | None:
    """Why the summary is about this preset, if there are others."""
    if sum(other.method == one.method for other in series) < 2:
        return None
    if one.mean(f"validation.{one.main}") is None:
        return None
    return (
        f"**Preset:** this summary is about {fmt.text(one.preset)}, which has the best "
        f"{METRIC_NAMES[one.main]} on the validation split."
    )


def _quality(metrics: Mapping[str, Any], one: Series) -> str | None:
    found, teacher = one.estimate(one.main), number(metrics["teacher"].get(one.main))
    if found is None:
        return None
    seeds = len(one.results)
    over = f" (mean and standard deviation over {seeds} seeds)" if found.sd is not None else ""
    sentence = f"**Quality:** {METRIC_NAMES[one.main]} {fmt.short_estimate(found)}{over}"
    if teacher:
        sentence += f", {fmt.percent(found.mean / teacher)} of the teacher's {fmt.score(teacher)}"
    agreement = one.estimate("teacher_agreement")
    if agreement is not None:
        sentence += _AGREEMENT[problem_type_of(metrics)].format(
            share=fmt.percent(agreement.mean), score=fmt.score(agreement.mean)
        )
    return sentence + "."


def _references(one: Series, series: Sequence[Series]) -> str | None:
    """The cheap alternatives: the student without distillation, and a bag of words."""
    found = one.estimate(one.main)
    parts = []
    for method, name in (
        ("none", "the same student without distillation"),
        ("bag_of_words", "a bag of words"),
    ):
        others = [other for other in series if other.method == method and other is not one]
        baseline = next((b for b in others if b.preset in (None, one.preset)), None)
        value = baseline.estimate(one.main) if baseline else None
        if found is not None and value is not None:
            gain = fmt.signed(found.mean - value.mean)
            parts.append(f"{name} reaches {fmt.score(value.mean)} (a difference of {gain})")
    return f"**Compared with:** {fmt.listing(parts)}." if parts else None


def _size(metrics: Mapping[str, Any], one: Series) -> str | None:
    student, teacher = one.mean("bytes"), number(metrics["teacher"].get("bytes"))
    if not student or not teacher:
        return None
    relation = (
        f"{fmt.ratio(teacher / student)} smaller than"
        if teacher > student
        else f"{fmt.ratio(student / teacher)} the size of"
    )
    return f"**Size:** {fmt.size(student)}, {relation} the teacher's {fmt.size(teacher)}."


def _time(metrics: Mapping[str, Any], one: Series, series: Sequence[Series]) -> str | None:
    rows = main_timings(metrics)
    model = next(model for model in compared_models(metrics, series) if model.name == one.name)
    found = fastest(rows, model)
    if found is None:
        return None
    setting = setting_of(found)
    sentence = (
        f"**Time:** {fmt.milliseconds(found['p50_ms'])} ms in {fmt.text(found['runtime'])} "
        f"({setting.inputs}, {setting.machine})"
    )
    ratio = number(found["speedup_fastest_teacher"])
    if ratio is not None:
        sentence += f", a speed-up of {fmt.ratio(ratio)} over the teacher in its fastest runtime"
    return sentence + "."


def _compressed(metrics: Mapping[str, Any], series: Sequence[Series]) -> str | None:
    """The best of the smaller baselines, which are the other way to a small model."""
    models = [
        (model, model.estimates["macro_f1"].mean)
        for model in compared_models(metrics, series)
        if model.family == "baseline" and model.is_smaller and "macro_f1" in model.estimates
    ]
    if not models:
        return None
    best, quality = max(models, key=lambda pair: pair[1])
    sentence = (
        f"**Best baseline that is smaller than the teacher:** {fmt.text(best.name)}, macro F1 "
        f"{fmt.score(quality)}, {fmt.size(best.num_bytes)}"
    )
    timing = fastest(main_timings(metrics), best)
    ratio = None if timing is None else number(timing["speedup_fastest_teacher"])
    if ratio is not None:
        sentence += f", speed-up {fmt.ratio(ratio)}"
    return sentence + "."


def _explanations(one: Series, series: Sequence[Series]) -> str | None:
    found = one.estimate("explanation.cosine")
    if found is None:
        return None
    models: list[tuple[Series, Estimate]] = [
        (other, value)
        for other in series
        if other is not one
        and other.method != one.method
        and (value := other.estimate("explanation.cosine")) is not None
    ]
    sentence = (
        "**Explanations:** the mean cosine between its explanations and the teacher's is "
        f"{fmt.score(found.mean)}"
    )
    if models:
        best, value = max(models, key=lambda pair: pair[1].mean)
        sentence += f". The best other method, {fmt.text(best.name)}, has {fmt.score(value.mean)}"
    return sentence + "."


def _comparisons(metrics: Mapping[str, Any], one: Series, series: Sequence[Series]) -> str | None:
    """The verdicts on the main metric against each baseline, gathered by what they say."""
    verdicts: dict[str, list[str]] = {}
    for row in metrics.get("comparisons") or []:
        if (row["method"], row.get("preset"), row["metric"]) == (
            one.method,
            one.preset,
            one.main,
        ):
            verdicts.setdefault(verdict(row), []).append(comparison_name(row, "against", series))
    if not verdicts:
        return None
    words = {
        "better": "better than",
        "worse": "worse than",
        "no clear difference": "no clear difference from",
    }
    parts = [f"{words[key]} {fmt.listing(verdicts[key])}" for key in words if key in verdicts]
    return f"**Paired comparison on the test texts, {METRIC_NAMES[one.main]}:** {'; '.join(parts)}."
