# SPDX-License-Identifier: Apache-2.0
"""The fields that a benchmark's recipe has beyond those of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dixtill_hf.baselines.base import known_baselines
from dixtill_hf.baselines.pruned_heads import RANKINGS
from dixtill_hf.data.names import check_name
from dixtill_hf.distillation.presets import PRESETS
from dixtill_hf.workflow.recipe import Recipe, described

_LEAST = {
    "ranking_texts": 1,
    "temperature_seeds": 1,
    "rounds": 5,
    "pad_to": 1,
    "explained_texts": 1,
}


@dataclass
class BenchmarkArguments:
    """What `dixtill-hf benchmark` measures beyond a run."""

    quick: bool = described(
        False,
        "A benchmark of minutes: fewer texts, seeds, rankings and rounds. Its figures are rough, "
        "and its report says so.",
    )
    baselines: list[str] = described(
        ["onnx", "int8-dynamic", "int8-static", "heads"],
        f"Other small classifiers to compare with, of {', '.join(known_baselines())}. Those of "
        "OpenVINO need the extra 'openvino', those of ONNX Runtime the extra 'onnx'.",
    )
    rankings: list[str] = described(
        ["masking", "gradient", "gradient-global", "gradient-iterative"],
        f"How attention heads are ranked before they are removed, of {', '.join(RANKINGS)}.",
    )
    ranking_texts: int = described(
        500, "Texts of the validation split on which attention heads are ranked, at most."
    )
    threads: list[int] = described([1, 2], "Numbers of threads that time is measured with.")
    rounds: int = described(20, "Timed batches of each model, batch size and padding.")
    pad_to: int = described(
        150, "Tokens that batches are padded to in the second timing, 150 in the paper."
    )
    explained_texts: int = described(
        500, "Test texts on which the models' explanations are compared, at most."
    )
    paper: bool = described(
        False,
        "The study of the paper too, which is on finance tweets: students at several temperatures, "
        "a BERT-base with random weights in the timings, and the published figures next to these.",
    )
    temperatures: list[float] = described(
        [1.0, 2.0, 3.0, 4.0, 5.0],
        "Temperatures at which KL and DiXtill are compared, for paper.",
    )
    temperature_presets: list[str] | None = described(
        None, "Presets of the study of temperatures. Default: all of the run."
    )
    temperature_seeds: int | None = described(
        None, "Seeds of the study of temperatures. Default: those of the run."
    )


def check_benchmark(arguments: BenchmarkArguments, recipe: Recipe) -> None:
    """Refuse fields that are out of range, and those that do not fit the recipe of the run.

    Raises:
        ValueError: A name is unknown, a number is out of range, or the run will not have what a
            field asks for.
    """
    for name in arguments.baselines:
        check_name("baselines", name, known_baselines())
    for name in arguments.rankings:
        check_name("rankings", name, RANKINGS)
    for field in ("threads", "temperatures"):
        numbers = getattr(arguments, field)
        if not numbers or min(numbers) <= 0:
            raise ValueError(f"{field} must be one number or more, each above 0, got {numbers}.")
    for field, least in _LEAST.items():
        value = getattr(arguments, field)
        if value is not None and value < least:
            raise ValueError(f"{field} must be at least {least}, got {value}.")
    for preset in arguments.temperature_presets or []:
        check_name("temperature_presets", preset, PRESETS)
        check_name("temperature_presets", preset, recipe.student.presets)
    seeds = recipe.student.seeds
    if arguments.temperature_seeds is not None and arguments.temperature_seeds > seeds:
        raise ValueError(
            f"temperature_seeds is {arguments.temperature_seeds}, but the run has {seeds} seeds: "
            "give no more than that, or more seeds."
        )
    if recipe.teacher.teacher_folds:
        raise ValueError(
            "The benchmark compresses the teacher, and teacher_folds makes several: leave it out, "
            "or compare methods with dixtill-hf run."
        )


def quick_arguments(arguments: BenchmarkArguments) -> BenchmarkArguments:
    """Fields of a benchmark that takes minutes, never more than were asked."""
    temperatures = sorted(arguments.temperatures)
    return replace(
        arguments,
        rankings=arguments.rankings[:1],
        ranking_texts=min(arguments.ranking_texts, 100),
        temperatures=sorted({temperatures[0], temperatures[-1]}),
        threads=arguments.threads[:1],
        rounds=5,
        explained_texts=min(arguments.explained_texts, 100),
    )


def quick_recipe(recipe: Recipe) -> Recipe:
    """A recipe of which nothing takes long: fewer texts and students, never more than were asked.

    Training epochs stay, so that the methods can still be told apart.
    """
    data = replace(
        recipe.data,
        max_train_texts=_at_most(recipe.data.max_train_texts, 1000),
        max_test_texts=_at_most(recipe.data.max_test_texts, 400),
        unlabelled_source=None,
    )
    student = replace(recipe.student, seeds=min(recipe.student.seeds, 2))
    return replace(recipe, data=data, student=student)


def _at_most(given: int | None, limit: int) -> int:
    return limit if given is None else min(given, limit)
