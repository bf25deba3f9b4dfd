# SPDX-License-Identifier: Apache-2.0
"""Reading metrics.json and grouping its results."""

import json
import math
from typing import Any

import pytest

from dixtill_hf.reporting.measurements import (
    Estimate,
    compression,
    headline,
    number,
    read_metrics,
    series_of,
    stages_of,
)


def write(path, metrics) -> Any:
    path.write_text(json.dumps(metrics))
    return path


def test_what_was_written_is_read(tmp_path, metrics):
    assert read_metrics(write(tmp_path / "metrics.json", metrics)) == metrics


def test_missing_file_says_where_metrics_come_from(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"metrics\.json that a finished run"):
        read_metrics(tmp_path / "metrics.json")


def test_other_format_is_refused(tmp_path, metrics):
    metrics["format"] = 7
    with pytest.raises(ValueError, match=r"has format 7; this release .* reads the formats 1 to 2"):
        read_metrics(write(tmp_path / "metrics.json", metrics))


def test_baselines_of_format_1_are_read(tmp_path, metrics):
    row = {"name": "onnx", "label": "teacher", "accuracy": 0.8}
    older = metrics | {"format": 1, "compressed": [row | {"backend": "onnxruntime"}]}
    newer = metrics | {"baselines": [row | {"runtime": "onnxruntime"}]}
    assert read_metrics(write(tmp_path / "metrics.json", older)) == newer


def test_unfinished_run_is_refused(tmp_path, metrics):
    metrics["results"] = []
    del metrics["teacher"]
    with pytest.raises(ValueError, match="lacks teacher, results"):
        read_metrics(write(tmp_path / "metrics.json", metrics))


def test_series_stand_in_the_order_of_the_report(make_metrics):
    metrics = make_metrics(presets=("default", "paper"), seeds=2)
    metrics["results"].reverse()
    found = [(one.method, one.preset, len(one.results)) for one in series_of(metrics)]
    methods = ("none", "kl", "mse", "dixtill")
    assert found == [
        ("bag_of_words", None, 1),
        *[(method, "paper", 2) for method in methods],
        *[(method, "default", 2) for method in methods],
    ]


def test_names_tell_the_preset_only_where_there_are_several(make_metrics):
    one = [series.name for series in series_of(make_metrics(seeds=1))]
    two = [series.name for series in series_of(make_metrics(presets=("a", "b"), seeds=1))]
    assert one == ["bag of words", "no distillation", "KL", "MSE", "DiXtill"]
    assert two[-1] == "DiXtill (b)"
    assert two[0] == "bag of words"


def test_unknown_method_comes_last_under_its_own_name(metrics):
    row = {**metrics["results"][-1], "method": "int8"}
    metrics["results"].insert(0, row)
    assert series_of(metrics)[-1].name == "int8"


def test_estimate_is_that_of_the_summary(metrics):
    row = next(row for row in metrics["summary"] if row["method"] == "kl")
    row["metrics"]["macro_f1"] = {"mean": 0.5, "sd": 0.1, "low": 0.4, "high": 0.6}
    kl = next(one for one in series_of(metrics) if one.method == "kl")
    assert kl.estimate("macro_f1") == Estimate(0.5, 0.1, 0.4, 0.6)
    assert kl.estimate("macro_f1").interval == (0.4, 0.6)


def test_single_result_needs_no_summary(make_metrics):
    metrics = make_metrics(seeds=1)
    metrics["summary"] = []
    dixtill = series_of(metrics)[-1]
    cosine = metrics["results"][-1]["explanation"]["cosine"]
    assert dixtill.estimate("explanation.cosine") == Estimate(cosine)
    assert dixtill.estimate("explanation.cosine").interval is None


def test_several_results_without_summary_are_an_error(metrics):
    metrics["summary"] = []
    with pytest.raises(ValueError, match="5 results of method 'none', preset 'default'"):
        series_of(metrics)


@pytest.mark.parametrize("undefined", [None, math.nan])
def test_undefined_values_are_left_out(make_metrics, undefined):
    metrics = make_metrics(seeds=2)
    metrics["results"][-1]["roc_auc"] = undefined
    metrics["summary"][-1]["metrics"]["roc_auc"]["mean"] = undefined
    dixtill = series_of(metrics)[-1]
    assert dixtill.estimate("roc_auc") is None
    assert dixtill.values("roc_auc") == [metrics["results"][-2]["roc_auc"]]
    assert number(undefined) is None


def test_series_without_explanation_has_no_depths(metrics):
    bag_of_words, *students = series_of(metrics)
    assert bag_of_words.depths == []
    assert bag_of_words.values("explanation.cosine") == []
    assert all(one.depths == [1, 3, 5] for one in students)


def test_headline_is_chosen_on_validation_and_not_on_test(make_metrics):
    metrics = make_metrics(presets=("default", "paper"), seeds=1)
    for row in metrics["results"]:
        if row["preset"] == "paper":
            row["validation"]["macro_f1"] = 0.99
            row["macro_f1"] = 0.01
    assert headline(series_of(metrics)).name == "DiXtill (paper)"


def test_headline_without_dixtill_is_the_last_series(metrics):
    metrics["results"] = [row for row in metrics["results"] if row["method"] != "dixtill"]
    assert headline(series_of(metrics)).method == "mse"


def test_compression_is_the_teachers_size_over_the_models(metrics):
    metrics["teacher"]["bytes"] = 1000
    assert compression(metrics, 250) == 4.0
    assert compression(metrics, None) is None


def test_stages_follow_the_run_and_skip_what_was_not_timed():
    stages = {"evaluate": 1.0, "polish": 2.0, "finetune": None, "load": 3.0}
    assert list(stages_of({"stages": stages}).items()) == [
        ("load the data", 3.0),
        ("evaluate", 1.0),
        ("polish", 2.0),
    ]
