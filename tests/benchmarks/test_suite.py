# SPDX-License-Identifier: Apache-2.0
"""The suite measures each cell once, goes on where it stopped, and draws what it holds."""

import json

import pytest

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime, which lies in runtime/")
pytest.importorskip("matplotlib", reason="needs the extra report")

from benchmarks import suite, suite_task
from benchmarks.data_sets import DATA_SETS, DataFiles
from benchmarks.suite import SuiteArguments, run_suite
from benchmarks.suite_alternatives import first_layers
from benchmarks.suite_models import MODELS
from benchmarks.suite_report import tables_of, write_report
from dixtill_hf.teacher.loading import load_teacher
from tests.headlines import write_headlines


@pytest.fixture
def given(tmp_path, monkeypatch, tiny_teacher_dir, sentences, teacher_labels):
    write_headlines(tmp_path / "data" / "tiny", sentences, teacher_labels, train=80, test=30)
    monkeypatch.setattr(suite, "DATA_SETS", {"tiny": DataFiles("tiny")})
    return SuiteArguments(
        data_dir=str(tmp_path / "data"),
        sets=["tiny"],
        sizes=[60],
        models=["characters", "bag_of_words", "static", "frozen"],
        seeds=2,
        encoder=str(tiny_teacher_dir("bert")),
        store=str(tmp_path / "store"),
        results_dir=str(tmp_path / "results"),
    )


def test_cells_are_kept_and_drawn(given, tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    content = run_suite(given)
    assert len(content["cells"]) == 4
    cell = content["cells"]["tiny|60|characters|test|0"]
    assert 0 <= cell["macro_f1"] <= 1
    assert len(cell["predicted"]) == len(cell["labels"]) == 30
    page = (tmp_path / "results" / "suite.md").read_text("utf-8")
    assert "## 60 texts, test split" in page
    assert "tiny (not counted)" in page
    monkeypatch.setattr(suite, "measure", None)  # nothing is measured again
    assert run_suite(given)["cells"] == content["cells"]


@pytest.mark.slow
def test_teacher_students_and_small_transformer_are_measured(given, tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(suite_task, "VARIANTS", 1)
    given.models = ["teacher", "dixtill", "none", "two_layers", "bag_of_words"]
    given.seeds = 1
    cells = run_suite(given)["cells"]
    assert len(cells) == 5
    student = cells["tiny|60|dixtill|test|0"]
    assert student["within"]["bytes"] <= given.max_bytes
    assert 0 <= student["agreement"] <= 1
    assert cells["tiny|60|teacher|test|0"]["agreement"] == 1
    assert "agreement" not in cells["tiny|60|none|test|0"]
    assert "DiXtill, in integers" in (tmp_path / "results" / "suite.md").read_text("utf-8")


def test_an_unknown_name_is_refused_before_anything_is_measured(given):
    given.models = ["bag of words"]
    with pytest.raises(ValueError, match="bag_of_words"):
        run_suite(given)


def cell(macro_f1, size, predicted=(0, 1), **further):
    labels = [0, 1]
    return {
        "macro_f1": macro_f1,
        "bytes": size,
        "microseconds": 5.0,
        "predicted": list(predicted),
        "labels": labels,
        **further,
    }


def test_only_sets_on_which_the_teacher_is_the_best_are_counted(tmp_path):
    within = {"macro_f1": 0.6, "bytes": 10, "predicted": [0, 0]}
    content = {
        "environment": {"cpu": "a processor", "date": "a day"},
        "cells": {
            "A|60|teacher|test|0": cell(0.8, 1000),
            "A|60|bag_of_words|test|0": cell(0.5, 100),
            "A|60|dixtill|test|0": cell(0.7, 200, within=within),
            "A|60|dixtill|test|1": cell(0.74, 200),
            "B|60|teacher|test|0": cell(0.4, 1000),
            "B|60|bag_of_words|test|0": cell(0.5, 100),
            "B|60|dixtill|test|0": cell(0.6, 200),
        },
    }
    (table,) = tables_of(content)
    assert table.counted_sets() == ["A"]
    assert table.kept("dixtill") == pytest.approx(0.72 / 0.8)
    assert table.kept("dixtill within") == pytest.approx(0.6 / 0.8)
    assert table.mean_ranks() == {"teacher": 2.0, "dixtill": 1.5, "bag_of_words": 2.5}
    write_report(json.loads(json.dumps(content)), tmp_path)
    page = (tmp_path / "suite.md").read_text("utf-8")
    assert "| B (not counted) |" in page
    assert "- teacher: +6.0 on 2 sets" in page
    assert (tmp_path / "suite.png").stat().st_size > 0


def test_a_transformer_is_cut_to_its_first_layers(tiny_teacher_dir):
    teacher = load_teacher(tiny_teacher_dir("bert"))
    small = first_layers(teacher.model, 1)
    assert small.config.num_hidden_layers == 1
    assert small.num_parameters() < teacher.model.num_parameters()
    assert teacher.model.config.num_hidden_layers == 2


def test_there_are_eight_sets_and_each_model_has_a_title():
    assert len(DATA_SETS) == 8
    assert all(model.title for model in MODELS.values())
