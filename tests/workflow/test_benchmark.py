# SPDX-License-Identifier: Apache-2.0
"""A whole benchmark of a tiny teacher: everything is measured, nothing twice, and reported."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime", reason="the extra onnx excludes the newest transformers")

from dixtill_hf.evaluation.efficiency import measure_peak_memory
from dixtill_hf.workflow import efficiency_stage
from dixtill_hf.workflow.benchmark import benchmark
from dixtill_hf.workflow.benchmark_recipe import BenchmarkArguments
from dixtill_hf.workflow.recipe import Recipe

ARGUMENTS = BenchmarkArguments(
    baselines=["onnx", "int8-dynamic", "heads"],
    rankings=["masking", "gradient-iterative"],
    threads=[1],
    rounds=5,
    pad_to=12,
    explained_texts=10,
)


@pytest.fixture
def finished(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> tuple[Recipe, Path]:
    """A finished benchmark; of the fresh processes for memory, those that import torch wait."""

    def without_torch(probe: str, *arguments: str) -> int:
        return measure_peak_memory(probe, *arguments) if "transformers" not in probe else 1

    monkeypatch.setattr(efficiency_stage, "measure_peak_memory", without_torch)
    return recipe, benchmark(recipe, ARGUMENTS, "dixtill-hf benchmark")


@pytest.mark.slow
def test_a_benchmark_measures_everything_once(
    finished: tuple[Recipe, Path], monkeypatch: pytest.MonkeyPatch
):
    recipe, report = finished
    metrics = json.loads((report.parent / "metrics.json").read_text())

    assert not {"temperatures", "published"} & set(metrics)  # these are the paper's
    assert [row["name"] for row in metrics["baselines"]] == ["onnx", "int8-dynamic", "heads"]
    same_teacher = metrics["baselines"][0]
    assert same_teacher["accuracy"] == metrics["teacher"]["accuracy"]
    assert same_teacher["teacher_agreement"] == 1.0

    whole = [row for row in metrics["pruning"] if row["removed"] == 0]
    assert {row["ranking"] for row in whole} == {"masking", "gradient-iterative"}
    assert {row["macro_f1"] for row in whole} == {metrics["teacher"]["macro_f1"]}
    assert min(row["bytes"] for row in metrics["pruning"]) < whole[0]["bytes"]

    timed = {(row["model"], row["runtime"]) for row in metrics["efficiency"]["rows"]}
    assert {("teacher", "pytorch"), ("teacher", "onnxruntime")} < timed
    assert {("DiXtill", "pytorch"), ("DiXtill", "onnxruntime")} < timed
    memory = {
        (row["model"], row["runtime"]): row["peak_bytes"] for row in metrics["efficiency"]["memory"]
    }
    assert set(memory) == timed
    assert min(size for size in memory.values() if size > 1) > 10_000_000

    voices = {(row["model"], row["explanation"]) for row in metrics["explanations"]["agreement"]}
    assert {("dixtill", "contributions"), ("none", "integrated_gradients")} < voices
    assert {("dixtill", "shuffled"), ("bag_of_words", "coefficients")} < voices

    def refuse(*_: object) -> None:
        raise AssertionError("measured twice")

    monkeypatch.setattr(efficiency_stage, "_measure_latency", refuse)
    monkeypatch.setattr(efficiency_stage, "_measure_memory", refuse)
    benchmark(recipe, ARGUMENTS, "dixtill-hf benchmark")
    assert (
        json.loads((report.parent / "metrics.json").read_text())["efficiency"]["rows"]
        == (metrics["efficiency"]["rows"])
    )
    text = report.read_text()
    for part in ("int8 dynamic", "heads", "Faithfulness"):
        assert part.lower() in text.lower()


def test_wrong_fields_are_refused_before_anything_is_computed(recipe: Recipe):
    for name, value, told in (
        ("baselines", ["int8"], "baselines"),
        ("rankings", ["random"], "rankings"),
        ("threads", [0], "threads must be one number or more"),
        ("rounds", 2, "rounds must be at least 5, got 2"),
    ):
        with pytest.raises(ValueError, match=told):
            benchmark(recipe, replace(ARGUMENTS, **{name: value}), "dixtill-hf benchmark")
    assert not Path(recipe.output.output_dir).exists()


def test_several_teachers_are_refused(recipe: Recipe):
    recipe.teacher.teacher_folds = 2
    with pytest.raises(ValueError, match="compresses the teacher, and teacher_folds makes several"):
        benchmark(recipe, ARGUMENTS, "dixtill-hf benchmark")
    assert not Path(recipe.output.output_dir).exists()


def test_a_quick_benchmark_replaces_no_full_run(recipe: Recipe):
    path = Path(recipe.output.output_dir) / "metrics.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"recipe": recipe.to_dict()}))
    quick = replace(ARGUMENTS, quick=True)
    with pytest.raises(ValueError, match="holds a full run, which --quick would replace"):
        benchmark(recipe, quick, "dixtill-hf benchmark")
    assert [file.name for file in path.parent.iterdir()] == ["metrics.json"]
