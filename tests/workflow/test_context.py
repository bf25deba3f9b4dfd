# SPDX-License-Identifier: Apache-2.0
"""What the names in a recipe stand for, and what is refused before the data are read."""

import pytest

from dixtill_hf.workflow.context import explainer_of, find_teacher
from dixtill_hf.workflow.recipe import AnnotationArguments


@pytest.mark.parametrize(
    ("field", "value"), [("teacher_folds", 2), ("teacher_epochs", 1.0), ("teacher_max_length", 9)]
)
def test_settings_of_fine_tuning_are_refused_for_a_trained_classifier(recipe, field, value):
    setattr(recipe.teacher, field, value)
    with pytest.raises(ValueError, match=rf"{field}: for fine-tuning.*teacher_finetune"):
        find_teacher(recipe.teacher)
    recipe.teacher.teacher_finetune = True
    assert not find_teacher(recipe.teacher).fine_tuned


def test_a_label_map_of_an_encoder_is_refused(recipe, encoder):
    recipe.teacher.teacher, recipe.teacher.label_map = str(encoder), {"up": "bullish"}
    with pytest.raises(ValueError, match=r"label_map=\{'up': 'bullish'\} is for a teacher"):
        find_teacher(recipe.teacher)


def test_settings_reach_the_explainer():
    asked = AnnotationArguments(explainer="lime", explainer_settings={"samples": 9, "seed": 1})
    assert explainer_of(asked).settings()["samples"] == 9
