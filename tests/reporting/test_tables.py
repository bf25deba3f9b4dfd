# SPDX-License-Identifier: Apache-2.0
"""The tables of the report."""

import pytest

from dixtill_hf.reporting import tables
from dixtill_hf.reporting.measurements import series_of


def rows_of(table: str) -> dict[str, list[str]]:
    """First cell of each row → its other cells, the heading among them."""
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return {line[0]: line[1:] for line in lines if not line[0].startswith(":")}


def test_quality_table_has_the_teacher_and_every_series(metrics):
    rows = rows_of(tables.quality_table(metrics, series_of(metrics)))
    assert list(rows) == [
        "model", "teacher", "bag of words", "no distillation", "KL", "MSE", "DiXtill",
    ]  # fmt: skip
    assert rows["teacher"] == ["–", "0.874", "0.842", "0.761", "0.953", "–"]
    assert rows["bag of words"] == ["–", "0.842", "0.788", "0.696", "0.931", "0.850"]
    assert rows["DiXtill"][0] == "5"
    assert all(cell.startswith("**0.") and "<br>[0." in cell for cell in rows["DiXtill"][1:])


def test_quality_table_of_one_seed_has_no_intervals(make_metrics):
    metrics = make_metrics(seeds=1)
    table = tables.quality_table(metrics, series_of(metrics))
    assert "±" not in table
    assert "<br>" not in table


def test_metric_that_no_model_has_gets_no_column(make_metrics):
    metrics = make_metrics(seeds=1)
    metrics["teacher"]["roc_auc"] = None
    for row in metrics["results"]:
        row["roc_auc"] = None
    for row in metrics["summary"]:
        del row["metrics"]["roc_auc"]
    assert "ROC AUC" not in tables.quality_table(metrics, series_of(metrics))


def test_size_table(metrics):
    metrics["teacher"].update(parameters=1_000_000, bytes=4_000_000, macro_f1=0.8)
    for row in metrics["results"]:
        row.update(parameters=50_000, bytes=200_000, train_seconds=90.0, macro_f1=0.72)
    metrics["results"][0].update(parameters=60_000, bytes=None, macro_f1=0.8)
    rows = rows_of(tables.size_table(metrics, series_of(metrics)))
    assert rows["teacher"] == ["1,000,000", "4.00 MB", "–", "–", "–"]
    assert rows["bag of words"] == ["60,000", "–", "–", "**100.0 %**", "1 min 30 s"]
    assert rows["KL"] == ["**50,000**", "200 kB", "20.0×", "90.0 %", "1 min 30 s"]


def test_agreement_table_tells_which_explanation_each_model_uses(metrics):
    for row in metrics["results"]:
        if row["method"] == "kl":
            row["explanation"]["kind"] = "attention"
        if row["method"] == "mse":
            row["explanation"] = None
    rows = rows_of(tables.agreement_table(series_of(metrics)))
    assert rows["model"][1:] == [
        "cosine", "feature @1", "feature @3", "feature @5", "sign @1", "sign @3", "sign @5",
    ]  # fmt: skip
    assert rows["KL"][0] == "attention scores σ"
    assert rows["DiXtill"][0] == "contributions (exact)"
    assert "MSE" not in rows
    assert "bag of words" not in rows


def test_agreement_table_is_empty_without_explanations(metrics):
    assert tables.agreement_table(series_of(metrics)[:1]) == ""


def test_comparison_table(metrics):
    metrics["comparisons"][0]["against"] = "none"
    rows = tables.comparison_table(metrics, series_of(metrics)).splitlines()[2:]
    assert rows[0] == (
        "| DiXtill | no distillation | macro F1 | +0.034 | [+0.012, +0.057] | < 0.001 | better |"
    )
    assert rows[2].endswith("| no clear difference |")
    assert len(rows) == 4


def test_comparison_names_the_baseline_of_the_same_preset(make_metrics):
    metrics = make_metrics(presets=("default", "paper"), seeds=1)
    series = series_of(metrics)
    row = {"method": "dixtill", "preset": "paper", "against": "kl"}
    assert tables.comparison_name(row, "against", series) == "KL (paper)"
    assert tables.comparison_name({**row, "against": "bag_of_words"}, "against", series) == (
        "bag of words"
    )
    assert tables.comparison_name({**row, "against": "teacher"}, "against", series) == "teacher"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.01, 0.02, "better"), (-0.02, -0.01, "worse"), (0.0, 0.1, "no clear difference")],
)
def test_verdict(low, high, expected):
    assert tables.verdict({"low": low, "high": high}) == expected


def test_annotation_table_leaves_out_what_is_not_known(metrics):
    metrics["teacher"]["completeness_error"] = {"median": 0.0123, "p90": float("nan"), "max": 1}
    metrics["teacher"]["truncated_texts"] = 1200
    rows = rows_of(tables.annotation_table(metrics))
    assert rows["completeness error, median"] == ["0.0123"]
    assert rows["texts longer than the teacher reads"] == ["1,200"]
    assert "completeness error, 90th percentile" not in rows


@pytest.mark.parametrize(
    "table",
    [
        tables.annotation_table,
        tables.stage_table,
        tables.environment_table,
        tables.vocabulary_table,
    ],
)
def test_tables_without_data_are_empty(table):
    assert table({"teacher": {}}) == ""


def test_data_table(metrics):
    rows = rows_of(tables.data_table(metrics))
    (test,) = [i for i, split in enumerate(rows["texts"]) if split == "test"]
    assert [rows[name][test] for name in ("bearish", "bullish", "neutral", "all")] == [
        "110",
        "150",
        "340",
        "600",
    ]


def test_vocabulary_table(metrics):
    metrics["vocabularies"] = {
        "default": {"min_frequency": 2, "words": 7600, "with_vector": 5700, "share": 0.75}
    }
    rows = rows_of(tables.vocabulary_table(metrics))
    assert rows["default"] == ["2", "7,600", "5,700", "75.0 %"]


def test_stage_table_sums_up(metrics):
    metrics["stages"] = {"distil": 61.0, "load": 2.5}
    rows = rows_of(tables.stage_table(metrics))
    assert list(rows.items())[1:] == [
        ("load the data", ["2.50 s"]),
        ("train the students", ["1 min 01 s"]),
        ("**total**", ["**1 min 04 s**"]),
    ]


def test_environment_table_leaves_out_packages_that_were_not_there(metrics):
    metrics["environment"]["versions"] = {"torch": "2.13.0", "captum": None}
    rows = rows_of(tables.environment_table(metrics))
    assert rows["packages"] == ["torch 2.13.0"]
    assert rows["accelerator"] == ["none"]


def test_settings_are_flattened_and_those_unset_left_out():
    table = tables.settings_table({"a": {"b": 1, "c": {"d": "x|y"}}, "e": None, "f": False})
    assert table.splitlines()[2:] == ["| a.b | 1 |", r"| a.c.d | x\|y |", "| f | False |"]
