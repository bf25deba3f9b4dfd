# SPDX-License-Identifier: Apache-2.0
"""The fields that a benchmark's recipe has beyond those of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dixtill_hf.baselines.base import known_baselines
from dixtill_hf.baselines.pruned_heads import RANKINGS
from dixtill_hf.data.names import check_name
from dixtill_hf.distillation.presets import PRESETS
from dixtill_hf.workflow.data_stage import split_names
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
        "A benchmark of minutes: fewer texts, seeds, temperatures, rankings and rounds. Its "
        "figures are rough, and its report says so.",
    )
    baselines: str = described(
        "onnx,int8-dynamic,int8-static,heads",
        f"Other small classifiers to compare with, of {', '.join(known_baselines())}; separated by "
        "commas. Those of OpenVINO need the extra 'openvino', those of ONNX Runtime the extra "
        "'onnx'.",
    )
    rankings: str = described(
        "masking,gradient,gradient-global,gradient-iterative",
        f"How attention heads are ranked before they are removed, of {', '.join(RANKINGS)}; "
        "separated by commas.",
    )
    ranking_texts: int = described(
        500, "Texts of the validation split on which attention heads are ranked, at most."
    )
    temperatures: str = described(
        "1,2,3,4,5", "Temperatures at which KL and DiXtill are compared; separated by commas."
    )
    temperature_presets: str | None = described(
        None, "Presets of the study of temperatures; all of the run when not given."
    )
    temperature_seeds: int | None = described(
        None, "Seeds of the study of temperatures; those of the run when not given."
    )
    threads: str = described("1,2", "Numbers of threads that time is measured with.")
    rounds: int = described(20, "Timed batches of each model, batch size and padding.")
    pad_to: int = described(
        150, "Tokens that batches are padded to in the second timing, 150 in the paper."
    )
    bert_base: bool = described(
        True,
        "Time a BERT-base with random weights too: the published times are those of one.",
    )
    paper_figures: bool = described(
        False, "Set the paper's figures beside these; meant for its own data, the finance tweets."
    )
    explained_texts: int = described(
        500, "Test texts on which the models' explanations are compared, at most."
    )


@dataclass(frozen=True)
class BenchmarkPlan:
    """What a benchmark measures, read and checked.

    Attributes:
        baselines: Names of registered baselines.
        rankings: Names in `RANKINGS`.
        ranking_texts: Texts on which attention heads are ranked, at most.
        temperatures: Of the study of temperatures.
        temperature_presets: Presets of that study, None for all of the run.
        temperature_seeds: Seeds of that study, None for those of the run.
        threads: Numbers of threads of the timings.
        rounds: Timed batches of each model and setting.
        pad_to: Tokens of the padded timing.
        bert_base: Whether a BERT-base with random weights is timed.
        explained_texts: Texts on which explanations are compared, at most.
        head_steps: Steps of the sweep over heads, at most.
    """

    baselines: list[str]
    rankings: list[str]
    ranking_texts: int
    temperatures: list[float]
    temperature_presets: list[str] | None
    temperature_seeds: int | None
    threads: list[int]
    rounds: int
    pad_to: int
    bert_base: bool
    explained_texts: int
    head_steps: int | None


def plan_benchmark(arguments: BenchmarkArguments) -> BenchmarkPlan:
    """Read and check the fields of a benchmark.

    Raises:
        ValueError: A name is unknown, or a number is out of range.
    """
    baselines = split_names(arguments.baselines) or []
    rankings = split_names(arguments.rankings) or []
    for name in baselines:
        check_name("baselines", name, known_baselines())
    for name in rankings:
        check_name("rankings", name, RANKINGS)
    plan = BenchmarkPlan(
        baselines=baselines,
        rankings=rankings,
        ranking_texts=arguments.ranking_texts,
        temperatures=_numbers("temperatures", arguments.temperatures, float),
        temperature_presets=split_names(arguments.temperature_presets),
        temperature_seeds=arguments.temperature_seeds,
        threads=_numbers("threads", arguments.threads, int),
        rounds=arguments.rounds,
        pad_to=arguments.pad_to,
        bert_base=arguments.bert_base,
        explained_texts=arguments.explained_texts,
        head_steps=None,
    )
    for name in plan.temperature_presets or []:
        check_name("temperature_presets", name, PRESETS)
    for name, least in _LEAST.items():
        value = getattr(plan, name)
        if value is not None and value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}.")
    return _quickened(plan) if arguments.quick else plan


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


def _quickened(plan: BenchmarkPlan) -> BenchmarkPlan:
    temperatures = sorted(plan.temperatures)
    return replace(
        plan,
        rankings=plan.rankings[:1],
        ranking_texts=min(plan.ranking_texts, 100),
        temperatures=sorted({temperatures[0], temperatures[-1]}),
        threads=plan.threads[:1],
        rounds=5,
        bert_base=False,
        explained_texts=min(plan.explained_texts, 100),
        head_steps=4,
    )


def _at_most(given: int | None, limit: int) -> int:
    return limit if given is None else min(given, limit)


def _numbers(name: str, text: str, kind: type) -> list:
    """`'1,2'` → `[1, 2]`, each above 0."""
    try:
        numbers = [kind(part) for part in split_names(text) or []]
    except ValueError as error:
        raise ValueError(f"{name} must be numbers separated by commas, got {text!r}.") from error
    if not numbers or min(numbers) <= 0:
        raise ValueError(f"{name} must be at least one number, each above 0, got {text!r}.")
    return numbers
