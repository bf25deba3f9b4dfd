# SPDX-License-Identifier: Apache-2.0
"""The texts whose explanations are shown."""

import json

import pytest

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.distillation.building import build_student
from dixtill_hf.workflow.data_stage import load_data
from dixtill_hf.workflow.recipe import OutputArguments, Recipe
from dixtill_hf.workflow.student_publication import (
    PACKAGED_HUB_ID,
    card_facts,
    explained_examples,
)


def test_both_sides_explain_what_they_predict(recipe, tmp_path, sentences, teacher_labels):
    data = load_data(recipe.data)
    test = annotate(data["test"], recipe.teacher.teacher, steps=2, cache_dir=tmp_path)
    model, tokenizer = build_student(sentences, teacher_labels, hidden_size=4, min_frequency=1)
    page = explained_examples(test, model, tokenizer)
    assert json.loads(json.dumps(page)) == page
    assert len(page["examples"]) == len(test)
    labels = [example["label"] for example in page["examples"]]
    assert set(labels[:3]) == set(teacher_labels)  # the labels take turns
    for example in page["examples"]:
        assert example["teacher"]["spans"] == example["student"]["spans"]
        for side in ("teacher", "student"):
            assert len(example[side]["spans"]) == len(example[side]["scores"])
            assert 1 / 3 <= example[side]["probability"] <= 1


def test_of_all_labels_the_predicted_one_is_shown(recipe, tmp_path, sentences, teacher_labels):
    test = load_data(recipe.data)["test"]
    student = build_student(sentences, teacher_labels, hidden_size=4, min_frequency=1)
    pages = [
        explained_examples(
            annotate(test, recipe.teacher.teacher, steps=2, target=target, cache_dir=tmp_path),
            *student,
        )
        for target in ("predicted", "all")
    ]
    assert len(pages[0]["examples"]) == len(pages[1]["examples"]) == len(test)
    for one, all_labels in zip(*(page["examples"] for page in pages), strict=True):
        assert all_labels["teacher"]["scores"] == pytest.approx(one["teacher"]["scores"], abs=1e-5)


def test_the_sample_is_seeded(recipe, tmp_path, sentences, teacher_labels):
    data = load_data(recipe.data)
    test = annotate(data["test"], recipe.teacher.teacher, steps=2, cache_dir=tmp_path)
    student = build_student(sentences, teacher_labels, hidden_size=4, min_frequency=1)
    assert explained_examples(test, *student, seed=1) == explained_examples(test, *student, seed=1)
    assert explained_examples(test, *student, seed=1) != explained_examples(test, *student, seed=2)


def test_a_recipe_says_what_no_figure_tells():
    output = OutputArguments(license="mit", language=["en"], dataset_id="org/data")
    facts = card_facts(Recipe(output=output))
    assert (facts.license, list(facts.language)) == ("mit", ["en"])
    assert (facts.dataset_id, facts.teacher_id) == ("org/data", PACKAGED_HUB_ID)
    with pytest.raises(ValueError, match=r"Did you mean apache-2\.0"):
        card_facts(Recipe(output=OutputArguments(license="Apache-2")))
