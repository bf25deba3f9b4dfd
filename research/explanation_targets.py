# SPDX-License-Identifier: Apache-2.0
"""Compare the outputs that Integrated Gradients can explain, at fixed numbers of steps.

    python -m research.explanation_targets benchmarks/explainers.yaml --teacher runs/tweets/teacher

For each output: how far few steps are from 128, and the students that it teaches. Records are
written to explanation_targets.json one by one; the same call goes on where an interrupted one
stopped.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, disable_progress_bars

from benchmarks.experiment import (
    Experiment,
    ExperimentArguments,
    ExperimentRecords,
    circumstances,
    estimates,
    option,
    over_seeds,
    scores_by_words,
)
from dixtill_hf.cli.arguments import read_arguments
from dixtill_hf.data import columns
from dixtill_hf.evaluation.agreement.base import explanation_agreement
from dixtill_hf.explainers.base import OUTPUTS
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.workflow.recipe import DataArguments

STEPS, REFERENCE_STEPS = (8, 16, 32), 128

_NOTES = f"""\
- **error** at a number of steps: |Σ attributions − (F(x) − F(baseline))| relative to
  |Σ attributions| at {REFERENCE_STEPS} steps, on the measured texts. **cosine**: with the
  attributions at {REFERENCE_STEPS} steps, over words. Plain Gauss-Legendre nodes, float32.
- **student**: taught by the output's attributions with as many steps as each text needs; mean ±
  standard deviation over seeds on held-out texts. **its cosine**: with the attributions that taught
  it.
"""


@dataclass
class StudyArguments(ExperimentArguments):
    """As for the benchmark of explainers, with results of their own."""

    results_dir: str = option("research/results", "Where results and report go.")


def main(argv: Sequence[str]) -> None:
    """Measure what is not measured yet, then write the report."""
    data, arguments = read_arguments(
        "python -m research.explanation_targets",
        "Compare the outputs that Integrated Gradients explains.",
        (DataArguments, StudyArguments),
        argv,
    )
    disable_progress_bars()
    experiment = Experiment(data, arguments)
    print(estimate(experiment, arguments.seeds), flush=True)
    command = shlex.join(["python", "-m", "research.explanation_targets", *argv])
    described = {"source": data.source, **asdict(arguments)}
    results = ExperimentRecords(
        Path(arguments.results_dir) / "explanation_targets.json", experiment, command, described
    )
    for output in OUTPUTS:
        settings = IntegratedGradients(output=output).settings()
        results.keep(output, settings, partial(measure, experiment, output))
        print(f"{output} is measured", flush=True)
    print(f"The report: {write_report(results.path)}")


def estimate(experiment: Experiment, seeds: int) -> str:
    """How many evaluations of the teacher, and how many students, a whole run takes."""
    adaptive = IntegratedGradients().evaluations(0) * (
        len(experiment.texts) + len(experiment.measured)
    )
    fixed = (sum(STEPS) + REFERENCE_STEPS + len(STEPS) + 1) * len(experiment.measured)
    return (
        f"{len(OUTPUTS) * (adaptive + fixed):,.0f} evaluations with a gradient or a little more, "
        f"and {len(OUTPUTS) * seeds} students"
    )


def measure(experiment: Experiment, output: str) -> dict[str, Any]:
    """The record of one output."""

    def fixed(steps: int) -> Dataset:
        explainer = IntegratedGradients(output=output, steps=steps, precision="float32")
        return experiment.annotate(experiment.measured, explainer)

    reference = scores_by_words(fixed(REFERENCE_STEPS))
    change = np.array([abs(scores.sum()) for scores in reference])
    by_steps = {}
    for steps in STEPS:
        found = fixed(steps)
        errors = np.asarray(found[columns.COMPLETENESS_ERROR])[change > 0] / change[change > 0]
        by_steps[str(steps)] = {
            "mean_error": float(errors.mean()),
            "median_error": float(np.median(errors)),
            "cosine": explanation_agreement(reference, scores_by_words(found), ks=(3,))["cosine"],
        }
    adaptive = IntegratedGradients(output=output)
    texts, measured = (
        experiment.annotate(part, adaptive) for part in (experiment.texts, experiment.measured)
    )
    return {
        "steps": by_steps,
        "evaluations_per_text": float(np.mean(texts[columns.EVALUATIONS])),
        "students": experiment.students(texts, measured),
    }


def write_report(path: Path) -> Path:
    """Write the report beside the results; returns its path."""
    content = json.loads(path.read_text(encoding="utf-8"))
    records = content["records"]
    rows = list(records.values())
    by_steps = [
        column
        for steps in map(str, STEPS)
        for column in (
            _column(f"error at {steps}: mean", rows, steps, "mean_error", min),
            _column(f"median at {steps}", rows, steps, "median_error", min),
            _column(f"cosine at {steps}", rows, steps, "cosine", max),
        )
    ]
    students = [
        estimates(title, [over_seeds(row["students"], name) for row in rows])
        for title, name in (
            ("student: accuracy", "accuracy"),
            ("macro F1", "macro_f1"),
            ("its cosine", "explanation.cosine"),
        )
    ]
    names = fmt.Column("output", [f"`{name}`" for name in records], numeric=False)
    passes = [f"{row['evaluations_per_text']:.1f}" for row in rows]
    report = path.with_suffix(".md")
    report.write_text(
        "# Which output to explain?\n\n"
        f"{circumstances(content)}\n\n"
        f"{fmt.table([names, *by_steps])}\n\n"
        f"{fmt.table([names, fmt.Column('passes, adaptive', passes), *students])}\n\n{_NOTES}",
        encoding="utf-8",
    )
    return report


def _column(title: str, rows: list[dict], steps: str, name: str, best: Any) -> fmt.Column:
    values = [row["steps"][steps][name] for row in rows]
    return fmt.Column(title, [f"{value:.4f}" for value in values], values, best)


if __name__ == "__main__":
    main(sys.argv[1:])
