# SPDX-License-Identifier: Apache-2.0
"""The search of settings, from a recipe to its report."""

import json
from functools import partial

import optuna

from dixtill_hf.workflow.recipe import StudentArguments
from research import hyperparameter_search


def test_a_search_begins_with_the_preset_and_goes_on(recipe, tmp_path, monkeypatch):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    monkeypatch.setattr(
        hyperparameter_search, "StudentArguments", partial(StudentArguments, epochs=1)
    )
    results = tmp_path / "results"
    hyperparameter_search.main([str(recipe), "--trials=2", "--results_dir", str(results)])
    first, second = json.loads((results / "hyperparameter_search.json").read_text())["trials"]
    assert first["settings"] == hyperparameter_search.FIRST
    assert second["settings"] != first["settings"]
    for name, (low, high, _) in {
        **hyperparameter_search.TRAINING_SPACE,
        **hyperparameter_search.STUDENT_SPACE,
    }.items():
        assert low <= second["settings"][name] <= high
    assert 0 <= first["teacher_agreement"] <= 1

    hyperparameter_search.main(
        [str(recipe), "--trials=1", "--seed=1", "--results_dir", str(results)]
    )
    again = json.loads((results / "hyperparameter_search.json").read_text())["trials"]
    assert again[:2] == [first, second]
    assert len(again) == 3
    report = (results / "hyperparameter_search.md").read_text()
    assert "3 trials" in report
    assert report.count("**") == 2 * 4  # the row of the preset
    assert (results / "hyperparameter_search.png").stat().st_size > 1000
