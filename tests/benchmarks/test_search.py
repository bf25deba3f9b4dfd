# SPDX-License-Identifier: Apache-2.0
"""The search of settings, from a recipe to its report."""

import importlib
import json
from functools import partial
from pathlib import Path

import pytest

from dixtill_hf.workflow.recipe import StudentArguments

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_a_search_begins_with_the_preset_and_goes_on(recipe, tmp_path, monkeypatch):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    script = importlib.import_module("search")
    monkeypatch.setattr(script, "StudentArguments", partial(StudentArguments, epochs=1))
    results = tmp_path / "results"
    script.main([str(recipe), "--trials=2", "--results_dir", str(results)])
    first, second = json.loads((results / "search.json").read_text())["trials"]
    assert first["settings"] == script.FIRST
    assert second["settings"] != first["settings"]
    for name, (low, high, _) in {**script.TRAINING_SPACE, **script.STUDENT_SPACE}.items():
        assert low <= second["settings"][name] <= high
    assert 0 <= first["teacher_agreement"] <= 1

    script.main([str(recipe), "--trials=1", "--seed=1", "--results_dir", str(results)])
    again = json.loads((results / "search.json").read_text())["trials"]
    assert again[:2] == [first, second]
    assert len(again) == 3
    report = (results / "search.md").read_text()
    assert "3 trials" in report
    assert report.count("**") == 2 * 4  # the row of the preset
    assert (results / "search.png").stat().st_size > 1000
