# SPDX-License-Identifier: Apache-2.0
"""Data, teacher and annotation of a recipe."""

from pathlib import Path

import pytest

from dixtill_hf.workflow.inputs import (
    annotate_data,
    check_teacher,
    data_fingerprint,
    load_data,
    parse_splits,
    prepare_teacher,
    split_names,
)
from dixtill_hf.workflow.stages import StageLog


def test_a_subset_of_train_keeps_the_shares_of_the_labels(recipe):
    recipe.data.max_train_texts = 30
    labels = load_data(recipe.data)["train"]["label"][:]
    assert [labels.count(label) for label in range(3)] == [10, 10, 10]


def test_texts_without_a_label_come_behind_the_subset(recipe, data_dir):
    recipe.data.max_train_texts = 30
    recipe.data.unlabelled_source = str(data_dir / "train.csv")
    train = load_data(recipe.data)["train"]
    labels = train["label"][:]
    assert len(set(labels[:30])) == 3
    assert set(labels[30:]) == {-100}
    assert len(set(train["text"][:])) == len(train)


def test_no_text_of_the_test_source_is_learned_from(recipe, data_dir, tmp_path):
    recipe.data.max_test_texts = 5
    more = tmp_path / "more.csv"
    lines = (data_dir / "test.csv").read_text().splitlines()
    more.write_text("\n".join([*lines, '"A text of its own.",']) + "\n")
    recipe.data.unlabelled_source = str(more)
    data = load_data(recipe.data)
    assert len(data["test"]) == 5
    assert data["train"]["text"][-1] == "A text of its own."
    assert data["train"]["label"][:].count(-100) == 1


def test_a_trained_classifier_is_used_as_it_is(recipe, tmp_path):
    data, run = load_data(recipe.data), tmp_path / "run"
    teacher, finetuned = prepare_teacher(recipe.teacher, data, run, StageLog(run))
    assert not finetuned
    assert teacher.name == recipe.teacher.teacher


def test_a_bare_encoder_is_fine_tuned(recipe, encoder, tmp_path):
    recipe.teacher.teacher, recipe.teacher.teacher_epochs = str(encoder), 1
    run = tmp_path / "run"
    log = StageLog(run)
    teacher, finetuned = prepare_teacher(recipe.teacher, load_data(recipe.data), run, log)
    assert finetuned
    assert Path(teacher.name) == run / "teacher"
    assert "finetune" in log.seconds()


def test_an_annotation_is_found_again_and_replaced_when_settings_change(recipe, tmp_path):
    data, run = load_data(recipe.data), tmp_path / "run"
    log = StageLog(run)
    teacher, _ = prepare_teacher(recipe.teacher, data, run, log)
    _, first = annotate_data(recipe.annotation, data, teacher, run, log)
    _, again = annotate_data(recipe.annotation, data, teacher, run, log)
    recipe.annotation.steps = 3
    annotated, changed = annotate_data(recipe.annotation, data, teacher, run, log)
    assert first == again != changed
    assert set(annotated["test"]["teacher_evaluations"]) == {4}


def test_lists_and_pairs_are_read_as_typed():
    assert split_names("a, b ,c") == ["a", "b", "c"]
    assert split_names(None) is None
    assert parse_splits("test=validation, train=all") == {"test": "validation", "train": "all"}
    with pytest.raises(ValueError, match="test=validation"):
        parse_splits("validation")


@pytest.mark.parametrize(
    ("field", "value"), [("teacher_folds", 2), ("teacher_epochs", 1.0), ("teacher_max_length", 9)]
)
def test_what_a_trained_classifier_would_not_heed_is_refused(recipe, field, value):
    setattr(recipe.teacher, field, value)
    with pytest.raises(ValueError, match=rf"{field}: for fine-tuning.*teacher_finetune"):
        check_teacher(recipe.teacher)
    recipe.teacher.teacher_finetune = True
    check_teacher(recipe.teacher)


def test_a_label_map_of_an_encoder_is_refused(recipe, encoder):
    recipe.teacher.teacher, recipe.teacher.label_map = str(encoder), "up=bullish"
    with pytest.raises(ValueError, match="label_map='up=bullish' is for a teacher"):
        check_teacher(recipe.teacher)


def test_a_trained_classifier_is_fine_tuned_for_other_labels(recipe, tmp_path):
    recipe.data.source = str(tmp_path / "two.csv")
    lines = [f"text {i} is {name},{name}" for i in range(20) for name in ("good", "bad")]
    Path(recipe.data.source).write_text("\n".join(["text,label", *lines]) + "\n")
    recipe.data.test_fraction = 0.2
    recipe.teacher.teacher_finetune, recipe.teacher.teacher_epochs = True, 1
    run = tmp_path / "run"
    teacher, finetuned = prepare_teacher(recipe.teacher, load_data(recipe.data), run, StageLog(run))
    assert finetuned
    assert teacher.labels == ["bad", "good"]
    assert teacher.model.config.num_labels == 2


def test_scores_of_the_users_own_are_read_with_the_data(recipe, data_dir, tmp_path):
    for path in data_dir.iterdir():
        head, *rows = path.read_text().splitlines()
        lines = [f"{row},{number}.5" for number, row in enumerate(rows)]
        path.write_text("\n".join([f"{head},marks", *lines]) + "\n")
    data = load_data(recipe.data, keep_columns=["marks"])
    assert data_fingerprint(data) != data_fingerprint(load_data(recipe.data))
    assert data["train"].features["marks"].dtype == "float64"
