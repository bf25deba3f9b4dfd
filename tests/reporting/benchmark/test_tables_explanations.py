# SPDX-License-Identifier: Apache-2.0
"""The tables of explanations."""

from dixtill_hf.reporting.benchmark import tables


def test_overview_tells_model_and_explanation(benchmark, read_table):
    rows = read_table(tables.agreement_overview(benchmark))
    names = [(row["model"], row["its explanation"]) for row in rows]
    assert names == [
        ("bag of words", "coefficients"),
        ("no distillation", "Integrated Gradients"),
        ("KL", "Integrated Gradients"),
        ("MSE", "Integrated Gradients"),
        ("DiXtill", "Integrated Gradients"),
        ("DiXtill", "contributions (exact)"),
        ("DiXtill", "attention scores σ"),
        ("DiXtill", "its own, weights shuffled (control)"),
        ("DiXtill", "random scores (control)"),
    ]
    assert list(rows[0])[2:] == [
        "cosine",
        "Kendall",
        "Spearman",
        "feature agreement @5",
        "sign agreement @5",
        "rank agreement @5",
        "signed rank agreement @5",
    ]
    assert "±" not in rows[0]["cosine"]
    assert rows[5]["cosine"].startswith("**0.7")


def test_every_k_of_every_measure(benchmark, read_table):
    found = dict(tables.agreement_at_every_k(benchmark))
    assert list(found) == list(tables.AGREEMENT_NAMES.values())
    rows = read_table(found["rank agreement"])
    assert list(rows[0])[2:] == [f"@{k}" for k in range(1, 11)]


def test_measures_that_were_not_taken_have_no_table(benchmark):
    for row in benchmark["explanations"]["agreement"]:
        for name in [name for name in row if "rank" in name]:
            del row[name]
    names = [name for name, _ in tables.agreement_at_every_k(benchmark)]
    assert names == ["feature agreement", "sign agreement"]
    assert "rank" not in tables.agreement_overview(benchmark)


def test_faithfulness_has_no_best_cell(benchmark, read_table):
    benchmark["explanations"]["faithfulness"] = [
        {"model": model, "explanation": kind, "texts": 500, **lost}
        for model, kind, lost in (
            ("teacher", "integrated_gradients", {"comprehensiveness": 0.5, "sufficiency": 0.1}),
            ("teacher", "random", {"comprehensiveness": 0.2, "sufficiency": 0.2}),
        )
    ]
    rows = read_table(tables.faithfulness_table(benchmark))
    assert [list(row.values()) for row in rows] == [
        ["teacher", "Integrated Gradients", "0.500", "0.100", "500"],
        ["teacher", "random scores (control)", "0.200", "0.200", "500"],
    ]


def test_plausibility(benchmark, read_table):
    (row, *_) = read_table(tables.plausibility_table(benchmark))
    assert list(row.values()) == ["bag of words", "coefficients", "0.620", "0.710", "500"]


def test_tables_without_data_are_empty(metrics):
    assert tables.agreement_overview(metrics) == ""
    assert tables.agreement_at_every_k(metrics) == []
    metrics["explanations"] = {"agreement": [], "faithfulness": [], "plausibility": []}
    assert tables.faithfulness_table(metrics) == ""
    assert tables.plausibility_table(metrics) == ""
