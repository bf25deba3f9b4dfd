# SPDX-License-Identifier: Apache-2.0
"""How the temperature of the distillation changes the students (Cantini et al. 2024, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.presets import METHODS
from dixtill_hf.workflow.data_stage import split_names
from dixtill_hf.workflow.run import FinishedRun
from dixtill_hf.workflow.student_jobs import student_jobs
from dixtill_hf.workflow.student_stage import train_students

_COLUMNS = (
    "method",
    "preset",
    "seed",
    "accuracy",
    "macro_f1",
    "matthews",
    "roc_auc",
    "teacher_agreement",
)


def study_temperatures(
    run: FinishedRun,
    temperatures: Sequence[float],
    presets: Sequence[str] | None = None,
    seeds: int | None = None,
) -> list[dict[str, Any]]:
    """Train the students of the run that know a temperature at each of these temperatures.

    Students of the run itself stand for its own temperature. The others lie in
    `temperatures/`, and are trained only where they are not there yet.

    Args:
        run: The finished run.
        temperatures: The temperatures.
        presets: Only students of these presets, which the run must have; all when None.
        seeds: Only so many of the run's seeds; all when None.

    Returns:
        The result of every student, with its `temperature`.
    """
    arguments = run.recipe.student
    methods = [m for m in split_names(arguments.methods) or [] if _knows_temperature(m)]
    presets = presets or split_names(arguments.presets) or []
    seeds = min(seeds or arguments.seeds, arguments.seeds)
    own = arguments.temperature or DistillationArguments.temperature
    rows = []
    for temperature in temperatures if methods else []:
        if temperature == own:
            results = [
                row
                for row in run.metrics["results"]
                if row["method"] in methods and row["preset"] in presets and row["seed"] < seeds
            ]
        else:
            chosen = replace(
                arguments,
                methods=",".join(methods),
                presets=",".join(presets),
                seeds=seeds,
                temperature=temperature,
            )
            directory = run.output_dir / "temperatures" / f"{temperature:g}"
            jobs = student_jobs(chosen, run.output_dir / "annotated", run.annotation_key, directory)
            results = train_students(jobs, arguments.workers)
        rows += [
            {"temperature": temperature, **{name: result[name] for name in _COLUMNS}}
            for result in results
        ]
    return rows


def _knows_temperature(method: str) -> bool:
    return METHODS[method]["kd_loss"] not in ("none", "mse")
