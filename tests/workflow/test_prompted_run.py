# SPDX-License-Identifier: Apache-2.0
"""A run with a language model as its teacher, on texts that nobody has labelled."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import load_from_disk

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.teacher.prompted.teacher import PromptedTeacher
from dixtill_hf.workflow.benchmark import benchmark
from dixtill_hf.workflow.benchmark_recipe import BenchmarkArguments
from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import load_run_data
from dixtill_hf.workflow.recipe import DataArguments, Recipe, TeacherArguments
from dixtill_hf.workflow.run import run
from dixtill_hf.workflow.teacher_stage import prepare_teacher, read_examples

INSTRUCTION = "Is the news good for the share?"


@pytest.fixture
def prompted(
    recipe: Recipe,
    tmp_path: Path,
    tiny_language_model: Callable[..., Path],
    sentences: list[str],
    teacher_labels: list[str],
) -> Recipe:
    """The recipe with texts without labels and a language model."""
    path = tmp_path / "texts.csv"
    texts = [f'"{sentences[i % 12]} {i}"' for i in range(60)]
    path.write_text("\n".join(["text", *texts]) + "\n")
    return replace(
        recipe,
        data=DataArguments(source=str(path), test_fraction=0.3),
        teacher=TeacherArguments(
            teacher=str(tiny_language_model("llama", chat=True)),
            instruction=INSTRUCTION,
            labels=teacher_labels,
        ),
    )


@pytest.mark.slow
def test_from_texts_and_a_prompt_to_a_report(prompted: Recipe, tmp_path: Path) -> None:
    report = run(prompted, "dixtill-hf run")
    assert "No test text has a label by people" in report.read_text("utf-8")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text("utf-8"))
    assert metrics["teacher"]["accuracy"] == 1
    assert metrics["dataset"]["labelled_by_teacher"] == ["validation", "test"]
    assert metrics["recipe"]["methods"] == ["dixtill"]  # 'none' has no labels to learn from
    annotated = load_from_disk(str(tmp_path / "run" / "annotated"))
    assert set(annotated["train"]["label"]) == {LABEL_UNKNOWN}
    assert len(annotated["train"][0]["teacher_logits"]) == 3


def test_the_prompt_of_a_recipe_is_the_teachers(
    prompted: Recipe, tmp_path: Path, sentences: list[str], teacher_labels: list[str]
) -> None:
    examples = tmp_path / "examples.csv"
    examples.write_text(f"text,label\n{sentences[2]},neutral\n")
    assert read_examples(str(examples)) == {"text": [sentences[2]], "label": ["neutral"]}
    told = replace(
        prompted.teacher,
        examples=str(examples),
        verbalizers={"bullish": "good"},
        calibrate=True,
    )
    context = RunContext.open(replace(prompted, teacher=told))
    teacher = prepare_teacher(context, load_run_data(context)).model
    assert isinstance(teacher, PromptedTeacher)
    assert teacher.labels == teacher_labels
    assert teacher.prompt.answers == ["bearish", "good", "neutral"]
    assert teacher.prompt.examples == ((sentences[2], "neutral"),)


def test_settings_that_have_no_effect_are_refused(prompted: Recipe) -> None:
    for changed, message in [
        ({"teacher_epochs": 2.0}, "teacher_epochs: not for a language model"),
        ({"label_map": {"a": "b"}}, "label_map: not for a language model"),
        ({"instruction": None}, "labels: for a language model, which needs an instruction"),
    ]:
        with pytest.raises(ValueError, match=message):
            RunContext.open(replace(prompted, teacher=replace(prompted.teacher, **changed)))


def test_labels_of_data_and_prompt_must_be_the_same(prompted: Recipe) -> None:
    data = replace(prompted.data, label_names=["up", "down", "flat"])
    context = RunContext.open(replace(prompted, data=data))
    with pytest.raises(ValueError, match="are not the same"):
        load_run_data(context)


def test_baselines_of_a_language_model_are_refused_with_the_reason(prompted: Recipe) -> None:
    with pytest.raises(ValueError, match="none of the baselines can be"):
        benchmark(prompted, BenchmarkArguments(), "dixtill-hf benchmark")
