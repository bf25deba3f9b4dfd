# SPDX-License-Identifier: Apache-2.0
"""Each caveat appears where the figures call for it, and only there."""

import pytest

from dixtill_hf.reporting.caveats import caveats
from dixtill_hf.reporting.measurements import series_of


def told(metrics) -> str:
    return "\n".join(caveats(metrics, series_of(metrics)))


def test_standard_error_of_the_test_split(metrics):
    metrics["dataset"]["splits"]["test"] = 100
    for row in metrics["summary"]:
        row["metrics"]["accuracy"]["mean"] = 0.8
    # sqrt(0.8 * 0.2 / 100)
    assert "the 100 test texts adds a standard error of 0.040" in told(metrics)


@pytest.mark.parametrize(
    ("seeds", "expected", "absent"),
    [
        (1, "Only one seed: there are no", "the intervals are wide"),
        (3, "Only 3 seeds: little is known", "Only one seed"),
        (5, "There is only one teacher", "the intervals are wide"),
    ],
)
def test_few_seeds_are_told(make_metrics, seeds, expected, absent):
    found = told(make_metrics(seeds=seeds))
    assert expected in found
    assert absent not in found


def test_uneven_seeds_are_told(make_metrics):
    metrics = make_metrics(seeds=3)
    metrics["results"].pop()
    assert "number of seeds differs: no distillation 3, KL 3, MSE 3 and DiXtill 2." in told(metrics)


def test_bag_of_words_that_wins_is_told(metrics):
    metrics["summary"][0]["metrics"]["macro_f1"]["mean"] = 0.9
    assert "at least as good as DiXtill here (macro F1 0.900 and 0.8" in told(metrics)


def test_teacher_with_little_to_teach_is_told(metrics):
    assert "learn little" not in told(metrics)
    metrics["teacher"]["macro_f1"] = metrics["summary"][-1]["metrics"]["macro_f1"]["mean"]
    assert "the teacher is not better than DiXtill: students can" in told(metrics)


def test_texts_that_the_teacher_did_not_read_to_the_end_are_told(metrics):
    metrics["teacher"]["truncated_texts"] = 0
    assert "maximum length" not in told(metrics)
    metrics["teacher"]["truncated_texts"] = 36
    assert "36 texts exceeded the teacher's maximum length" in told(metrics)


def test_absent_bag_of_words_is_told(metrics):
    metrics["results"] = metrics["results"][1:]
    found = told(metrics)
    assert "No bag of words was fitted" in found
    assert "at least as good" not in found


def test_comparisons_are_counted(metrics):
    found = told(metrics)
    assert "2 of 4 paired comparisons did not show which" in found
    assert "The p-values of the 4 paired comparisons are not corrected" in found
    metrics["comparisons"] = []
    assert "paired" not in told(metrics)


def test_different_kinds_of_explanation_are_told(metrics):
    assert "kinds" not in told(metrics)
    metrics["results"][-1]["explanation"]["kind"] = "attention"
    assert "explanations of 2 kinds" in told(metrics)


def test_rare_label_is_told(metrics):
    assert "can change macro F1" not in told(metrics)
    metrics["dataset"]["label_counts"]["test"]["bearish"] = 1
    assert "The label bearish has only 1 test text: a few" in told(metrics)


def test_undefined_metric_is_told(metrics):
    assert "could not be computed" not in told(metrics)
    metrics["teacher"]["roc_auc"] = None
    assert "ROC AUC could not be computed" in told(metrics)


def test_other_split_is_told(metrics):
    assert "scored on the test split" not in told(metrics)
    metrics["teacher"]["split"] = "validation"
    assert "test and validation were used" in told(metrics)


def test_generated_texts_are_told(metrics):
    assert "A generator" not in told(metrics)
    metrics["dataset"]["source"] = "embedded"
    assert "A generator made the texts" in told(metrics)


def test_a_quick_benchmark_and_what_it_left_out_are_told(metrics: dict):
    metrics |= {"quick": True, "left_out": ["openvino: no export for 'xlnet'"]}
    found = told(metrics)
    assert "quick benchmark" in found
    assert "no export for 'xlnet'" in found


def test_without_an_interval_nothing_is_said_of_intervals(make_metrics):
    of_one, of_three = told(make_metrics(seeds=1)), told(make_metrics(seeds=3))
    assert "The intervals show" in of_three
    assert "Its row has no interval" in of_three
    assert "intervals show" not in of_one
    assert "Its row" not in of_one
    assert "adds a standard error of" in of_one
    assert "There is only one teacher. Another teacher may give other results." in of_one
