# SPDX-License-Identifier: Apache-2.0
"""A whole run on pairs of texts, from the command line's recipe to the card."""

import json
from pathlib import Path

import pytest

from dixtill_hf.data.text_pairs import TextPair
from dixtill_hf.distillation.model_card import read_card
from dixtill_hf.student.student import load_student
from dixtill_hf.workflow import run as road
from dixtill_hf.workflow.benchmark import benchmark
from dixtill_hf.workflow.benchmark_recipe import BenchmarkArguments
from dixtill_hf.workflow.recipe import Recipe


@pytest.fixture
def source(tmp_path: Path, sentences: list[str]) -> str:
    """Files of pairs of sentences: the same one twice, or two."""
    directory = tmp_path / "pairs"
    directory.mkdir()
    for split, count in (("train", 60), ("validation", 24), ("test", 24)):
        rows = []
        for i in range(count):
            same = i % 2
            second = sentences[(i + (1 - same) * (1 + i // 12)) % 12]
            rows.append(
                f'"{sentences[i % 12]} {split} {i}","{second}","{"same" if same else "other"}"'
            )
        lines = ["claim,evidence,label", *rows]
        (directory / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return str(directory)


@pytest.mark.slow
def test_pairs_from_the_data_to_the_card(
    recipe: Recipe, encoder: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.data.source = source
    recipe.data.text_column, recipe.data.text_pair_column = "claim", "evidence"
    recipe.teacher.teacher, recipe.teacher.teacher_epochs = str(encoder), 1
    recipe.student.seeds = recipe.student.variants = 1
    road.run(recipe, "dixtill-hf run")
    directory = Path(recipe.output.output_dir)
    metrics = json.loads((directory / "metrics.json").read_text())
    assert metrics["dataset"]["text_pairs"]
    assert {row["method"] for row in metrics["results"]} == {"bag_of_words", "none", "dixtill"}
    assert "Each text is a pair of texts." in (directory / "report.md").read_text()
    examples = json.loads((directory / "explanations.json").read_text())["examples"]
    assert all(one["text"] == "\n".join(one["texts"]) for one in examples)
    student = load_student(directory / "student")
    pair = TextPair(*examples[0]["texts"])
    assert student(pair).scores == pytest.approx(examples[0]["student"]["scores"], abs=1e-4)
    card = read_card(directory / "student")
    assert card.text_pairs
    assert isinstance(card.shown_example, dict)


def test_a_benchmark_of_pairs_is_refused(recipe: Recipe, source: str) -> None:
    pytest.importorskip("onnx")  # which every benchmark needs
    recipe.data.source = source
    recipe.data.text_column, recipe.data.text_pair_column = "claim", "evidence"
    recipe.student.methods = ["dixtill"]
    with pytest.raises(ValueError, match="dixtill-hf benchmark reads single texts"):
        benchmark(recipe, BenchmarkArguments(baselines=[]), "dixtill-hf benchmark")
