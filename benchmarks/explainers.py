# SPDX-License-Identifier: Apache-2.0
"""Compare all explainers: cost, agreement, faithfulness, and the students that they teach.

    python -m benchmarks.explainers benchmarks/explainers.yaml --teacher runs/tweets/teacher

Records are written to explainers.json one by one; the same call goes on where an interrupted one
stopped. The report is drawn only from them.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from datasets import Dataset, disable_progress_bars

from benchmarks.experiment import (
    Experiment,
    ExperimentArguments,
    ExperimentRecords,
    option,
    scores_by_words,
)
from benchmarks.explainers_report import write_report
from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.data import columns
from dixtill_hf.data.names import check_name
from dixtill_hf.data.words import word_spans
from dixtill_hf.distillation.trainer import DistillationTrainer
from dixtill_hf.evaluation.agreement.base import explanation_agreement
from dixtill_hf.evaluation.faithfulness import (
    SHARES,
    faithfulness,
    random_scores,
    teacher_probabilities,
)
from dixtill_hf.explainers.base import Explainer, get_explainer, known_explainers
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.workflow.recipe import DataArguments

REFERENCE = IntegratedGradients(steps=200, precision="float32")
# Its scores are the user's own.
LEFT_OUT = "precomputed"
RANDOM, RANDOM_RANKINGS = "random ranking", 5
CONTROLS: dict[str, dict[str, Any]] = {
    "KL": {"method": "kl"},
    "no explanation term": {"xai_weight": 0.0},
}
# Only the logits are needed of it.
CHEAPEST = "gradient_x_input"


@dataclass
class ExplainerArguments:
    """Which explainers, with which settings."""

    explainers: str | None = option(None, "Names separated by commas; all if not given.")
    settings: str | None = option(
        None, "Settings that differ from the defaults: 'lime.samples=256,saliency.output=margin'."
    )
    estimate: bool = option(False, "Print how many evaluations are needed, and stop.")


def main(argv: Sequence[str]) -> None:
    """Measure what is not measured yet, then write the report."""
    data, arguments, chosen = read_arguments(
        "python -m benchmarks.explainers",
        "Compare explainers by cost, agreement, faithfulness and students.",
        (DataArguments, ExperimentArguments, ExplainerArguments),
        argv,
    )
    disable_progress_bars()
    explainers = wanted_explainers(chosen.explainers, chosen.settings)
    experiment = Experiment(data, arguments)
    print(estimate(experiment, explainers, arguments.seeds), flush=True)
    if chosen.estimate:
        return
    command = shlex.join(["python", "-m", "benchmarks.explainers", *argv])
    described = {"source": data.source, **asdict(arguments)}
    results = ExperimentRecords(
        Path(arguments.results_dir) / "explainers.json", experiment, command, described
    )
    benchmark = ExplainerBenchmark(experiment, arguments.tokens_per_batch)
    for explainer in explainers:
        results.keep(explainer.name, explainer.settings(), partial(benchmark.measure, explainer))
        print(f"{explainer.name} is measured", flush=True)
    results.keep(RANDOM, {"rankings": RANDOM_RANKINGS}, benchmark.measure_random)
    for name, settings in CONTROLS.items():
        results.keep(name, settings, partial(benchmark.measure_control, settings))
    print(f"The report: {write_report(results.path)}")


class ExplainerBenchmark:
    """Measures explainers in one experiment, against the same reference."""

    def __init__(self, experiment: Experiment, tokens_per_batch: int) -> None:
        self.experiment = experiment
        self._tokens = tokens_per_batch
        self._annotated = experiment.annotate(experiment.measured, REFERENCE)
        self._reference = scores_by_words(self._annotated)

    def measure(self, explainer: Explainer) -> dict[str, Any]:
        """The record of an explainer."""
        seconds = self._seconds(explainer)
        measured = self.experiment.annotate(self.experiment.measured, explainer)
        texts = self.experiment.annotate(self.experiment.texts, explainer)
        return {
            "signed": explainer.signed,
            "gradients": explainer.uses_gradients,
            "seconds_per_text": seconds,
            "evaluations_per_text": float(np.mean(measured[columns.EVALUATIONS])),
            **self.compare(texts, measured, explainer.signed),
        }

    def compare(
        self,
        texts: Dataset,
        measured: Dataset,
        signed: bool,
        trainer: type[DistillationTrainer] = DistillationTrainer,
    ) -> dict[str, Any]:
        """How good explanations are, and the students that learn from them.

        Args:
            texts: Annotated; what the students learn from.
            measured: Annotated; whose explanations are compared with the reference.
            signed: Whether a score below 0 speaks against the label.
            trainer: Of the students.
        """
        scores = scores_by_words(measured)
        return {
            "agreement": self._agreement(scores, signed),
            "faithfulness": self._faithfulness(measured, scores, signed),
            "students": self.experiment.students(texts, measured, trainer=trainer),
        }

    def measure_random(self) -> dict[str, Any]:
        """The record of rankings that know nothing."""
        texts = self._annotated[columns.TEXT][:]
        found = [
            self._faithfulness(self._annotated, random_scores(texts, seed))
            for seed in range(RANDOM_RANKINGS)
        ]
        means = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
        return {"faithfulness": means}

    def measure_control(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The record of students that learn from the teacher's logits only."""
        texts = self.experiment.annotate(self.experiment.texts, get_explainer(CHEAPEST))
        return {"students": self.experiment.students(texts, self._annotated, **settings)}

    def _seconds(self, explainer: Explainer) -> float:
        """Wall time of one text, without what is done once for a teacher, and without a cache."""
        teacher, budget = self.experiment.teacher, TokenBudget(self._tokens)
        sample = self.experiment.texts[columns.TEXT][: explainer.texts_to_prepare]
        ready = explainer.prepared(teacher, encode_texts(teacher, sample) if sample else [], budget)
        texts = encode_texts(teacher, self.experiment.measured[columns.TEXT][:])
        ready.explain(teacher, texts[:2], budget)  # the first call pays for imports
        start = time.perf_counter()
        ready.explain(teacher, texts, budget)
        return (time.perf_counter() - start) / len(texts)

    def _agreement(self, scores: Sequence[np.ndarray], signed: bool) -> dict[str, Any]:
        """With the reference; of magnitudes where the explainer gives no signs."""
        reference = self._reference if signed else [np.abs(one) for one in self._reference]
        found = explanation_agreement(reference, scores, ks=(3,))
        return found if signed else {**found, "sign_agreement@3": None}

    def _faithfulness(
        self, annotated: Dataset, scores: Sequence[np.ndarray], signed: bool = True
    ) -> dict[str, Any]:
        predict = partial(
            teacher_probabilities, self.experiment.teacher, tokens_per_batch=self._tokens
        )
        texts, labels = annotated[columns.TEXT][:], annotated[columns.EXPLAINED_LABEL][:]
        return faithfulness(predict, texts, scores, labels, signed=signed).means()


def estimate(experiment: Experiment, explainers: Sequence[Explainer], seeds: int) -> str:
    """How many evaluations of the teacher, and how many students, a whole run takes."""
    counts = {True: 0.0, False: 0.0}
    words = [
        [len(word_spans(text)) for text in part[columns.TEXT]]
        for part in (experiment.texts, experiment.measured)
    ]
    lines = []
    for explainer in explainers:
        # Measured texts are explained twice: once for the time.
        lengths = words[0] + 2 * words[1]
        count = sum(map(explainer.evaluations, lengths))
        counts[explainer.uses_gradients] += count
        kind = "with a gradient" if explainer.uses_gradients else "without"
        lines.append(f"{explainer.name:<22}{count:>12,.0f} evaluations {kind}")
    counts[True] += sum(map(REFERENCE.evaluations, words[1]))
    rankings = len(explainers) + RANDOM_RANKINGS
    counts[False] += rankings * (1 + 2 * len(SHARES)) * len(words[1])
    students = (len(explainers) + len(CONTROLS)) * seeds
    lines.append(
        f"in all, with the reference and faithfulness: {counts[True]:,.0f} evaluations with a "
        f"gradient, {counts[False]:,.0f} without, and {students} students"
    )
    return "\n".join(lines)


def wanted_explainers(names: str | None, settings: str | None) -> list[Explainer]:
    """The explainers that were asked for.

    Args:
        names: Separated by commas; all if not given.
        settings: Those that differ from the defaults, `explainer.setting=value`, separated by
            commas.
    """
    names = names or ",".join(name for name in known_explainers() if name != LEFT_OUT)
    wanted: dict[str, dict[str, Any]] = {name.strip(): {} for name in names.split(",")}
    for setting in (settings or "").split(","):
        if setting:
            target, value = setting.split("=", 1)
            name, field_name = target.strip().split(".", 1)
            check_name("explainer in settings", name, wanted)
            wanted[name][field_name] = yaml.safe_load(value)
    return [get_explainer(name, **given) for name, given in wanted.items()]


if __name__ == "__main__":
    main(sys.argv[1:])
