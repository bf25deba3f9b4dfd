# SPDX-License-Identifier: Apache-2.0
"""Whole runs on several labels a text and on values, from the command line's recipe to the card."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dixtill_hf.export.onnx_student import OnnxStudent
from dixtill_hf.student.student import load_student
from dixtill_hf.workflow import run as road
from dixtill_hf.workflow.benchmark import benchmark
from dixtill_hf.workflow.benchmark_recipe import BenchmarkArguments
from dixtill_hf.workflow.recipe import Recipe


def write(directory: Path, sentences: list[str], label: Callable[[int], str]) -> str:
    """Files of texts that all differ, with one label each that a function gives."""
    directory.mkdir()
    for split, count in (("train", 60), ("validation", 24), ("test", 24)):
        rows = [f'"{sentences[i % 12]} {split} {i}","{label(i)}"' for i in range(count)]
        (directory / f"{split}.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    return str(directory)


@pytest.fixture
def tuned(recipe: Recipe, encoder: Path) -> Recipe:
    """A recipe whose teacher is fine-tuned for an epoch."""
    recipe.teacher.teacher = str(encoder)
    recipe.teacher.teacher_epochs = 1
    recipe.student.seeds = 1
    recipe.student.variants = 1
    return recipe


@pytest.mark.slow
def test_several_labels_from_the_data_to_onnx(tuned: Recipe, tmp_path, sentences) -> None:
    moods = ["joy", "love", "joy,love", "fear"]
    tuned.data.source = write(tmp_path / "moods", sentences, lambda i: moods[i % 4])
    road.run(tuned, "dixtill-hf run")
    directory = Path(tuned.output.output_dir)
    metrics = json.loads((directory / "metrics.json").read_text())
    assert metrics["dataset"]["problem_type"] == "multi_label_classification"
    assert metrics["dataset"]["label_counts"]["test"] == {"fear": 6, "joy": 12, "love": 12}
    for row in [metrics["teacher"], *metrics["results"]]:
        assert 0 <= row["micro_f1"] <= 1
        assert 0 < row["mean_average_precision"] <= 1
    compared = {row["metric"] for row in metrics["comparisons"]}
    assert compared == {"micro_f1", "macro_f1"}
    assert "answering" not in metrics
    report = (directory / "report.md").read_text()
    assert "mean average precision" in report
    assert "micro F1" in (directory / "student" / "README.md").read_text()
    student = load_student(directory / "student")
    assert len(student.model.config.thresholds) == 3
    explanations = student(sentences)
    pytest.importorskip("onnx", reason="needs the extra onnx")
    from dixtill_hf.export.onnx import export_student

    export_student(student.model, student.tokenizer, tmp_path / "onnx")
    exported = OnnxStudent(tmp_path / "onnx")
    logits = exported.logits(exported.tokenize(sentences))
    expected = [sorted(one.labels) for one in explanations]
    assert [sorted(labels) for labels in exported.predicted(logits)] == expected


@pytest.mark.slow
def test_values_from_the_data_to_the_report(tuned: Recipe, tmp_path, sentences) -> None:
    tuned.data.source = write(tmp_path / "values", sentences, lambda i: f"{(i % 12) / 10}")
    road.run(tuned, "dixtill-hf run")
    directory = Path(tuned.output.output_dir)
    metrics = json.loads((directory / "metrics.json").read_text())
    assert metrics["dataset"]["problem_type"] == "regression"
    assert {row["method"] for row in metrics["results"]} == {"bag_of_words", "none", "dixtill"}
    assert all(row["mae"] >= 0 for row in metrics["results"])
    assert {row["metric"] for row in metrics["comparisons"]} == {"pearson", "mae"}
    assert "Pearson" in (directory / "report.md").read_text()
    assert load_student(directory / "student")(sentences[0]).probability is None


def test_what_compares_labels_is_refused_before_anything_is_computed(
    recipe: Recipe, tmp_path, sentences
) -> None:
    recipe.data.source = write(tmp_path / "values", sentences, lambda i: f"{(i % 12) / 10}")
    recipe.student.methods = ["kl", "dixtill"]
    with pytest.raises(ValueError, match="compares probabilities, and a regression has none"):
        road.run(recipe, "dixtill-hf run")
    recipe.student.methods = ["dixtill"]
    recipe.annotation.output = "margin"
    with pytest.raises(ValueError, match="'margin', which compares the labels of a text"):
        road.run(recipe, "dixtill-hf run")
    recipe.annotation.output = None
    with pytest.raises(ValueError, match="the data's is regression"):
        road.run(recipe, "dixtill-hf run")
    assert not (Path(recipe.output.output_dir) / "annotated").exists()


def test_a_benchmark_of_values_is_refused(recipe: Recipe, tmp_path, sentences) -> None:
    pytest.importorskip("onnx")  # which every benchmark needs
    recipe.data.source = write(tmp_path / "values", sentences, lambda i: f"{(i % 12) / 10}")
    recipe.student.methods = ["dixtill"]
    with pytest.raises(ValueError, match="benchmark compares models that give a text one label"):
        benchmark(recipe, BenchmarkArguments(baselines=[]), "dixtill-hf benchmark")
