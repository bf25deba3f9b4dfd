# SPDX-License-Identifier: Apache-2.0
"""Summaries and comparisons of results made up for the purpose."""

import json

import numpy as np
import pytest
from datasets import DatasetDict

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.reporting.tables import annotation_table
from dixtill_hf.teacher.loading import load_teacher
from dixtill_hf.workflow.data_stage import load_data
from dixtill_hf.workflow.evaluation_stage import NO_PRESET, compare, describe_teacher, summarise
from dixtill_hf.workflow.teacher_stage import RunTeacher


def _result(method: str, preset: str | None, accuracy: float, cosine: float | None = None) -> dict:
    explanation = None if cosine is None else {"kind": "contributions", "cosine": cosine}
    scores = dict.fromkeys(("macro_f1", "matthews", "teacher_agreement", "train_seconds"), 0.5)
    return {
        "method": method,
        "preset": preset,
        "accuracy": accuracy,
        "roc_auc": None,
        **scores,
        "explanation": explanation,
    }


def test_seeds_are_averaged_with_a_students_t_interval():
    rows = summarise([_result("kl", "default", x, x / 2) for x in (0.8, 0.9)])
    (row,) = rows
    assert (row["method"], row["preset"], row["seeds"]) == ("kl", "default", 2)
    accuracy = row["metrics"]["accuracy"]
    sd = 0.1 / 2**0.5
    assert accuracy["mean"] == pytest.approx(0.85)
    assert accuracy["sd"] == pytest.approx(sd)
    assert accuracy["high"] - accuracy["mean"] == pytest.approx(12.706 * sd / 2**0.5, rel=1e-4)
    assert row["metrics"]["explanation.cosine"]["mean"] == pytest.approx(0.425)
    assert "roc_auc" not in row["metrics"]  # undefined for a seed: not averaged


def test_explainers_that_promise_no_completeness_have_no_error_to_tell(recipe, tmp_path):
    test = load_data(recipe.data)["test"]
    teacher = load_teacher(recipe.teacher.teacher)
    data = DatasetDict(test=annotate(test, teacher, "gradient_x_input", cache_dir=tmp_path))
    assert np.isnan(data["test"]["teacher_completeness_error"][:]).all()
    described = describe_teacher(RunTeacher("tiny", teacher, finetuned=False), data)
    assert described["completeness_error"] is None
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert "completeness" not in annotation_table({"teacher": described})


def test_series_are_kept_apart():
    rows = summarise(
        [_result("kl", "paper", 0.1), _result("kl", "default", 0.2), _result("none", "paper", 0.3)]
    )
    assert {(row["method"], row["preset"]) for row in rows} == {
        ("kl", "paper"),
        ("kl", "default"),
        ("none", "paper"),
    }


def test_dixtill_is_compared_with_its_own_preset_and_the_bag_of_words():
    labels = np.arange(40) % 2
    right, wrong = labels[None], 1 - labels[None]
    rows = compare(
        {
            ("dixtill", "default"): right,
            ("kl", "default"): wrong,
            ("kl", "paper"): wrong,
            ("bag_of_words", NO_PRESET): right,
        },
        labels,
    )
    assert {row["against"] for row in rows} == {"kl", "bag_of_words"}
    (against_kl,) = [r for r in rows if r["against"] == "kl" and r["metric"] == "accuracy"]
    assert against_kl["difference"] == 1.0
    assert against_kl["p_value"] < 0.01
    (same,) = [r for r in rows if r["against"] == "bag_of_words" and r["metric"] == "accuracy"]
    assert same["difference"] == 0.0
    assert same["p_value"] == 1.0
