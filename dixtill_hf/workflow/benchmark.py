# SPDX-License-Identifier: Apache-2.0
"""A run, and its students compared with baselines: quality, size, time, memory, explanations.

Nothing is measured twice: what is in `benchmark/` and still valid is read from there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.baselines.attention_heads import HeadMap
from dixtill_hf.baselines.base import get_baseline
from dixtill_hf.baselines.pruned_heads import why_heads_stay
from dixtill_hf.data.label_column import problem_type_of
from dixtill_hf.data.problem_types import SINGLE_LABEL
from dixtill_hf.data.text_pairs import refuse_pairs
from dixtill_hf.evaluation.latency import LatencySettings
from dixtill_hf.reporting.report import write_report
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.baseline_stage import (
    chosen_baselines,
    possible_baselines,
    score_baselines,
    sweep_heads,
)
from dixtill_hf.workflow.benchmark_recipe import (
    BenchmarkArguments,
    check_benchmark,
    quick_arguments,
    quick_recipe,
)
from dixtill_hf.workflow.data_stage import load_data
from dixtill_hf.workflow.efficiency_stage import measure_efficiency, timed_models
from dixtill_hf.workflow.explanation_stage import study_explanations
from dixtill_hf.workflow.paper_study import PUBLISHED, bert_base_models, study_temperatures
from dixtill_hf.workflow.recipe import Recipe
from dixtill_hf.workflow.run import FinishedRun, complete_run

DIRECTORY = "benchmark"
_QUICK_STEPS = 4


def benchmark(recipe: Recipe, arguments: BenchmarkArguments, command: str) -> Path:
    """Run a recipe, and compare its students with the baselines.

    Args:
        recipe: All that the run depends on.
        arguments: What is measured beyond it.
        command: What was typed to start it; it stands in the report.

    Returns:
        Path of the report, in which every table and figure comes from `metrics.json`.

    Raises:
        ImportError: The extra that a baseline needs is not installed.
        ValueError: A field is out of range, or the data fail a check.
        OSError: Something cannot be read or written.
    """
    check_benchmark(arguments, recipe)
    _check_teacher(recipe)
    _check_runtimes(arguments)
    if arguments.quick:
        arguments, recipe = quick_arguments(arguments), quick_recipe(recipe)
        _check_replaces_nothing(recipe)
    _check_problem_type(recipe)
    run = complete_run(recipe, command)
    metrics = run.metrics | measure(run, arguments) | {"quick": arguments.quick}
    write_json(run.output_dir / "metrics.json", metrics)
    return write_report(run.output_dir)


def _check_teacher(recipe: Recipe) -> None:
    """Refuse a language model with a prompt, of which none of the baselines can be made.

    Raises:
        ValueError: The recipe has an instruction.
    """
    if recipe.teacher.instruction is not None:
        raise ValueError(
            "dixtill-hf benchmark compresses a classifier with a head (int8, pruned heads); the "
            "teacher is a language model with an instruction, and none of the baselines can be "
            "made of it. Use dixtill-hf run, which has the linear baseline if texts have labels."
        )


def _check_problem_type(recipe: Recipe) -> None:
    """Refuse data whose baselines, times and explanations are not compared here.

    Raises:
        ValueError: Texts do not have one label each, or are pairs.
    """
    data = load_data(recipe.data)
    refuse_pairs(data["train"].column_names, "dixtill-hf benchmark")
    found = problem_type_of(data)
    if found is not None and found.name != SINGLE_LABEL:
        raise ValueError(
            "dixtill-hf benchmark compares models that give a text one label, and these data are "
            f"of the problem type {found.name}: use dixtill-hf run, which has the linear baseline."
        )


def measure(run: FinishedRun, arguments: BenchmarkArguments) -> dict[str, Any]:
    """Everything beyond the run, under the keys that it has in metrics.json."""
    cache = run.context.cache.within(DIRECTORY)
    names = [name for name in arguments.baselines if name not in _methods(run)]
    chosen = chosen_baselines(names, arguments.ranking_texts)
    made_of = run.one_teacher, run.annotated, cache
    baselines, left_out = possible_baselines(chosen, *made_of)
    measured: dict[str, Any] = {
        "baselines": score_baselines(baselines, *made_of),
        "explanations": study_explanations(run, arguments.explained_texts, cache),
    }
    if arguments.paper:
        measured["published"] = PUBLISHED
        measured["temperatures"] = study_temperatures(
            run, arguments.temperatures, arguments.temperature_presets, arguments.temperature_seeds
        )
    reason = why_heads_stay(run.one_teacher, run.annotated["validation"])
    if reason is None:
        measured["pruning"] = _sweep(run, arguments, cache)
    elif arguments.rankings:
        left_out.append(reason)
    models = timed_models(run, baselines, cache)
    models += bert_base_models(run, cache) if arguments.paper and not arguments.quick else []
    settings = LatencySettings(rounds=arguments.rounds, pad_to=(None, arguments.pad_to))
    measured["efficiency"] = measure_efficiency(run, models, arguments.threads, settings, cache)
    return measured | {"left_out": left_out}


def _methods(run: FinishedRun) -> set[str]:
    """What the run has already; it is not made again as a baseline."""
    return {row["method"] for row in run.metrics["results"]}


def _sweep(
    run: FinishedRun, arguments: BenchmarkArguments, cache: OutputCache
) -> list[dict[str, Any]]:
    return sweep_heads(
        arguments.rankings,
        _head_counts(run.one_teacher, _QUICK_STEPS if arguments.quick else None),
        run.one_teacher,
        (run.annotated["validation"], run.annotated["test"]),
        arguments.ranking_texts,
        cache,
    )


def _head_counts(teacher: Teacher, steps: int | None) -> list[int]:
    """Numbers of heads a layer to remove, from none to all but one."""
    most = HeadMap(teacher.model).heads - 1
    if steps is None or steps > most:
        return list(range(most + 1))
    return sorted({round(most * step / (steps - 1)) for step in range(steps)})


def _check_replaces_nothing(quick: Recipe) -> None:
    """Refuse to put what takes minutes in the place of what took hours."""
    path = Path(quick.output.output_dir) / "metrics.json"
    if not path.is_file():
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    if not found.get("quick") and found["recipe"] != quick.to_dict():
        raise ValueError(
            f"{path.parent} holds a full run, which --quick would replace: name another "
            "output_dir, or leave --quick out to go on with that run."
        )


def _check_runtimes(arguments: BenchmarkArguments) -> None:
    """Find a missing extra before anything is computed."""
    # The student is timed in ONNX Runtime, whatever the baselines are.
    for name in ("onnx", *arguments.baselines):
        get_baseline(name).check_installed()
