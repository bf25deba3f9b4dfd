# SPDX-License-Identifier: Apache-2.0
"""Compressed teachers beside students."""

import pytest

from dixtill_hf.reporting.benchmark import tables
from dixtill_hf.reporting.benchmark.compared_models import compared_models
from dixtill_hf.reporting.measurements import series_of


@pytest.fixture
def rows_of(read_table):
    def read(metrics, table):
        text = table(metrics, compared_models(metrics, series_of(metrics)))
        return {row["model"]: row for row in read_table(text)}

    return read


def test_drop_is_what_is_lost_of_the_teachers(benchmark, rows_of):
    benchmark["teacher"]["accuracy"] = 0.8
    benchmark["baselines"][1]["accuracy"] = 0.72
    benchmark["baselines"][2]["accuracy"] = 0.84
    rows = rows_of(benchmark, tables.baselines_table)
    assert rows["int8 dynamic"]["drop of accuracy"] == "10.0 %"
    assert rows["int8 static, calibrated on the training texts"]["drop of accuracy"] == "-5.0 %"
    assert rows["teacher"]["drop of accuracy"] == "–"
    assert "±" in rows["DiXtill"]["accuracy"]
    assert rows["DiXtill"]["published: accuracy"] == "0.943"


def test_references_of_which_no_quality_is_known_are_left_out(benchmark, rows_of):
    rows = rows_of(benchmark, tables.baselines_table)
    assert "BERT-base (random weights)" not in rows


def test_best_calibration_is_the_lowest(benchmark, rows_of):
    benchmark["teacher"]["calibration_error"] = 0.001
    benchmark["baselines"][0]["calibration_error"] = 0.002
    rows = rows_of(benchmark, tables.baselines_table)
    assert rows["teacher, float32 in ONNX Runtime"]["calibration error"] == "**0.002**"
    assert rows["teacher"]["calibration error"] == "0.001"


def test_per_class_shows_the_models_that_have_it(benchmark, rows_of):
    benchmark["baselines"][1]["f1_per_class"] = {"bearish": 0.5, "bullish": 0.6, "neutral": None}
    rows = rows_of(benchmark, tables.per_class_table)
    assert rows["int8 dynamic"] == {
        "model": "int8 dynamic", "bearish": "0.500", "bullish": "0.600", "neutral": "–",
    }  # fmt: skip
    assert "teacher, float32 in ONNX Runtime" not in rows
    assert "teacher" in rows


def test_settings_tell_how_each_was_made(benchmark):
    table = tables.baseline_settings(benchmark)
    assert "| int8 dynamic.method | int8-dynamic |" in table
    assert "calibration" not in table.split("int8 static, calibrated on the training texts")[0]


def test_runs_without_compression_have_no_tables(metrics):
    models = compared_models(metrics, series_of(metrics))
    assert tables.baselines_table(metrics, models) == ""
    assert tables.per_class_table(metrics, models) == ""
    assert tables.baseline_settings(metrics) == ""
