# SPDX-License-Identifier: Apache-2.0
"""Students at several temperatures."""

import pytest

from dixtill_hf.workflow.paper_study import study_temperatures
from dixtill_hf.workflow.recipe import Recipe
from dixtill_hf.workflow.run import complete_run


@pytest.mark.slow
def test_students_of_the_runs_own_temperature_are_not_trained_again(recipe: Recipe):
    recipe.student.methods, recipe.student.seeds = ["none", "dixtill"], 1
    run = complete_run(recipe, "dixtill-hf benchmark")
    rows = study_temperatures(run, [1.0, 5.0])
    assert [(row["temperature"], row["method"]) for row in rows] == [
        (1.0, "dixtill"),
        (5.0, "dixtill"),
    ]
    trained = [path.name for path in (run.output_dir / "temperatures").iterdir()]
    assert len(trained) == 1
    (own,) = (row for row in run.metrics["results"] if row["method"] == "dixtill")
    assert own["accuracy"] in [row["accuracy"] for row in rows]
