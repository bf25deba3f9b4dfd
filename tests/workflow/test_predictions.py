# SPDX-License-Identifier: Apache-2.0
"""Predictions are those of one text at a time; unlabelled texts count in no score."""

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.data.alignment import align_spans
from dixtill_hf.distillation.building import build_student
from dixtill_hf.workflow.data_stage import load_data
from dixtill_hf.workflow.predictions import assess, calibration, measures, predict


@pytest.fixture
def annotated(recipe, tmp_path):
    data = load_data(recipe.data)
    return annotate(data["test"], recipe.teacher.teacher, steps=2, cache_dir=tmp_path / "cache")


@pytest.fixture
def student(sentences, teacher_labels):
    return build_student(sentences, teacher_labels, hidden_size=4, min_frequency=1)


def test_answers_are_those_of_single_texts(annotated, student):
    model, tokenizer = student
    predictions = predict(model, tokenizer, annotated)
    model.eval()
    for row, text in enumerate(annotated["text"]):
        with torch.inference_mode():
            output = model(**tokenizer(text, return_tensors="pt"), output_contributions=True)
        np.testing.assert_allclose(
            predictions.probabilities[row], output.logits.softmax(-1)[0], atol=1e-6
        )
        label = annotated[row]["teacher_explained_label"]
        np.testing.assert_allclose(
            predictions.explanations[row], output.contributions[0, :, label], atol=1e-6
        )


def test_targets_are_the_teachers_attributions_on_the_students_words(annotated, student):
    model, tokenizer = student
    predictions = predict(model, tokenizer, annotated)
    row = annotated[3]
    offsets = tokenizer(row["text"], return_offsets_mapping=True)["offset_mapping"]
    expected = align_spans(row["teacher_spans"], row["teacher_attributions"], offsets)
    np.testing.assert_allclose(predictions.targets[3], expected, atol=1e-6)


def test_the_assessment_names_what_the_explanations_are(annotated, student):
    model, tokenizer = student
    scores = assess(predict(model, tokenizer, annotated), "contributions")
    assert scores["explanation"]["kind"] == "contributions"
    assert -1 <= scores["explanation"]["cosine"] <= 1


@pytest.fixture
def test_split() -> Dataset:
    rows = {
        "text": ["a", "b", "c", "d"],
        "label": [0, 1, 1, -100],
        "teacher_logits": [[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 3.0]],
    }
    return Dataset.from_dict(rows).cast_column("label", ClassLabel(names=["down", "up"]))


PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])


def test_measures_by_hand(test_split: Dataset):
    found = measures(PROBABILITIES, test_split)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["teacher_agreement"] == 1.0
    # down: one right, one wrong, none missed; up: one right, one missed.
    assert found["f1_per_class"] == pytest.approx({"down": 2 / 3, "up": 2 / 3})
    # Each text in a bin of its own: (0.1 + 0.2 + 0.6) / 3.
    assert found["calibration_error"] == pytest.approx(0.3)


def test_without_labels_there_is_no_calibration(test_split: Dataset):
    unlabelled = test_split.select([3])
    assert calibration(PROBABILITIES[3:], unlabelled) == {
        "calibration_error": None,
        "f1_per_class": None,
    }
