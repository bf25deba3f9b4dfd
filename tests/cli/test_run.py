# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf run` without a recipe and without data is the demo."""

import pytest

from dixtill_hf.cli import run
from dixtill_hf.cli.run import DEMO, main
from dixtill_hf.workflow.recipe import Recipe


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """The recipes that were run."""
    recipes: list[Recipe] = []

    def keep(recipe, command):
        recipes.append(recipe)
        return tmp_path / "report.md"

    monkeypatch.setattr("dixtill_hf.workflow.run.run", keep)
    return recipes


@pytest.mark.parametrize("words", [[], ["--output_dir", "here"], ["--seeds", "2"]])
def test_without_a_recipe_and_data_it_is_the_demo(asked, words):
    main(words)
    (recipe,) = asked
    assert recipe.data.source == "embedded"
    assert recipe.student.methods == ["kl", "dixtill"]
    assert recipe.data.max_train_texts is not None
    assert recipe.student.seeds == (2 if "--seeds" in words else 1)


@pytest.mark.parametrize("words", [["--source", "embedded"], ["--source=embedded"]])
def test_named_data_are_used_whole(asked, words):
    main(words)
    assert asked[0].data.max_train_texts is None
    assert asked[0].student.seeds == 3


def test_the_demo_is_packaged_beside_the_workflow(asked):
    main([str(DEMO)])
    main([])
    assert asked[0] == asked[1]
    assert run.names_data([str(DEMO)])
