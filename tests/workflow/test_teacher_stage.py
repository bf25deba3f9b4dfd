# SPDX-License-Identifier: Apache-2.0
"""The teacher of a recipe, as it is or fine-tuned first."""

from pathlib import Path

from dixtill_hf.workflow.context import RunContext
from dixtill_hf.workflow.data_stage import load_run_data
from dixtill_hf.workflow.recipe import Recipe
from dixtill_hf.workflow.teacher_stage import RunTeacher, prepare_teacher


def _prepared(recipe: Recipe) -> tuple[RunContext, RunTeacher]:
    context = RunContext.open(recipe)
    return context, prepare_teacher(context, load_run_data(context))


def test_a_trained_classifier_is_used_as_it_is(recipe):
    _, teacher = _prepared(recipe)
    assert not teacher.finetuned
    assert teacher.name == teacher.model.name == recipe.teacher.teacher


def test_a_bare_encoder_is_fine_tuned(recipe, encoder):
    recipe.teacher.teacher, recipe.teacher.teacher_epochs = str(encoder), 1
    context, teacher = _prepared(recipe)
    assert teacher.finetuned
    assert Path(teacher.model.name) == context.output_dir / "teacher"
    assert "finetune" in context.cache.seconds()


def test_a_trained_classifier_is_fine_tuned_for_other_labels(recipe, tmp_path):
    recipe.data.source = str(tmp_path / "two.csv")
    lines = [f"text {i} is {name},{name}" for i in range(20) for name in ("good", "bad")]
    Path(recipe.data.source).write_text("\n".join(["text,label", *lines]) + "\n")
    recipe.data.test_fraction = 0.2
    recipe.teacher.teacher_finetune, recipe.teacher.teacher_epochs = True, 1
    _, teacher = _prepared(recipe)
    assert teacher.finetuned
    assert teacher.model.labels == ["bad", "good"]
    assert teacher.model.model.config.num_labels == 2
