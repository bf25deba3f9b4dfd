# SPDX-License-Identifier: Apache-2.0
r"""Do several explanations of a text teach more than one?

    python -m research.multiple_explanations benchmarks/explainers.yaml \
        --explainers integrated_gradients,lime

Two things are tried: the mean of two explainers, whose scores are summed to words and brought to
length 1 before they are averaged, and the explanations of all labels by the first of them, compared
as one vector. Records are kept as those of benchmarks/explainers.py.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, disable_progress_bars

from benchmarks.experiment import (
    Experiment,
    ExperimentRecords,
    option,
    scores_by_words,
)
from benchmarks.explainers import ExplainerBenchmark, wanted_explainers
from benchmarks.explainers_report import write_report
from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.data import columns
from dixtill_hf.data.words import word_spans
from dixtill_hf.explainers.base import Explainer, TargetedExplainer
from dixtill_hf.workflow.recipe import DataArguments
from research.alternative_trainers import AllLabels
from research.explanation_targets import StudyArguments


@dataclass
class ExplainerArguments:
    """Which explainers, with which settings."""

    explainers: str = option(
        "integrated_gradients,lime", "Names of explainers, separated by commas."
    )
    settings: str | None = option(
        None, "Settings that differ from the defaults: 'lime.samples=96'."
    )


def main(argv: Sequence[str]) -> None:
    """Measure each explainer and their mean, then write the report."""
    data, arguments, chosen = read_arguments(
        "python -m research.multiple_explanations",
        "Compare several explanations of a text with one.",
        (DataArguments, StudyArguments, ExplainerArguments),
        argv,
    )
    disable_progress_bars()
    explainers = wanted_explainers(chosen.explainers, chosen.settings)
    experiment = Experiment(data, arguments)
    command = shlex.join(["python", "-m", "research.multiple_explanations", *argv])
    described = {"source": data.source, **asdict(arguments)}
    results = ExperimentRecords(
        Path(arguments.results_dir) / "multiple_explanations.json", experiment, command, described
    )
    benchmark = ExplainerBenchmark(experiment, arguments.tokens_per_batch)
    for explainer in explainers:
        results.keep(explainer.name, explainer.settings(), partial(benchmark.measure, explainer))
    parts = {"explainers": [explainer.settings() for explainer in explainers]}
    results.keep("mean of the explainers", parts, partial(measure_mean, benchmark, explainers))
    first = explainers[0]
    if not isinstance(first, TargetedExplainer):
        raise ValueError(
            f"{first.name!r}, the first of --explainers, explains no chosen label: begin with one "
            "that does, such as integrated_gradients."
        )
    first = replace(first, target="all")
    results.keep(
        f"{first.name}, all labels", first.settings(), partial(measure_all, benchmark, first)
    )
    results.keep("no explanation term", {"xai_weight": 0.0}, partial(measure_without, benchmark))
    print(f"The report: {write_report(results.path, 'One explanation of a text, or several?')}")


def measure_mean(benchmark: ExplainerBenchmark, explainers: Sequence[Explainer]) -> dict[str, Any]:
    """The record of the mean of the explainers' scores."""
    texts, measured = (
        mean_explanation([benchmark.experiment.annotate(part, one) for one in explainers])
        for part in (benchmark.experiment.texts, benchmark.experiment.measured)
    )
    return benchmark.compare(texts, measured, all(one.signed for one in explainers))


def measure_all(benchmark: ExplainerBenchmark, explainer: Explainer) -> dict[str, Any]:
    """The record of an explainer of all labels."""
    texts, measured = (
        benchmark.experiment.annotate(part, explainer)
        for part in (benchmark.experiment.texts, benchmark.experiment.measured)
    )
    return benchmark.compare(texts, measured, explainer.signed, AllLabels)


def measure_without(benchmark: ExplainerBenchmark) -> dict[str, Any]:
    """The record of students that learn from the teacher's logits alone."""
    return benchmark.measure_control({"xai_weight": 0.0})


def mean_explanation(annotated: Sequence[Dataset]) -> Dataset:
    """The first dataset with the mean of all explanations, one score a word.

    Args:
        annotated: The same texts, explained for the same labels.
    """
    by_text = zip(*(scores_by_words(one) for one in annotated), strict=True)
    scores = [np.mean([_unit(one) for one in text], axis=0) for text in by_text]
    first = annotated[0]
    changed = {
        columns.TEACHER_SPANS: [word_spans(text) for text in first[columns.TEXT]],
        columns.TEACHER_ATTRIBUTIONS: [one.tolist() for one in scores],
    }
    features = {name: first.features[name] for name in changed}
    result = first.remove_columns(list(changed))
    for name, values in changed.items():
        result = result.add_column(name, values, feature=features[name])
    return result


def _unit(scores: np.ndarray) -> np.ndarray:
    """At length 1; zeros stay zeros."""
    length = np.linalg.norm(scores)
    return scores / length if length else scores


if __name__ == "__main__":
    main(sys.argv[1:])
