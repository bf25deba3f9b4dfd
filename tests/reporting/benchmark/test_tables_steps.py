# SPDX-License-Identifier: Apache-2.0
"""The tables of temperature and of pruned heads."""

from dixtill_hf.reporting.benchmark import tables


def test_temperatures_rise_within_each_method(benchmark, read_table):
    benchmark["temperatures"].reverse()
    rows = read_table(tables.temperature_table(benchmark))
    assert [(row["model"], row["temperature"]) for row in rows] == [
        (model, str(temperature)) for model in ("KL", "DiXtill") for temperature in range(1, 6)
    ]
    assert all(row["seeds"] == "5" and "±" in row["macro F1"] for row in rows)


def test_one_seed_has_no_spread(benchmark, read_table):
    benchmark["temperatures"] = [row for row in benchmark["temperatures"] if row["seed"] == 0]
    rows = read_table(tables.temperature_table(benchmark))
    assert not any("±" in cell for row in rows for cell in row.values())


def test_heads_by_how_many_are_removed(benchmark, read_table):
    benchmark["pruning"].append(
        {
            "ranking": "gradient",
            "scope": "global",
            "removed_per_layer": 2.5,
            "removed": 15,
            "heads": 72,
            "accuracy": 0.8,
            "macro_f1": 0.777,
            "parameters": 22_000_000,
            "bytes": 88_000_000,
        }
    )
    rows = read_table(tables.pruning_table(benchmark))
    assert [row["heads removed"] for row in rows][:5] == [
        "0 of 72", "6 of 72", "12 of 72", "15 of 72", "18 of 72",
    ]  # fmt: skip
    assert rows[3] == {
        "heads removed": "15 of 72",
        "in a layer": "2.5",
        "parameters": "22,000,000",
        "size": "88.0 MB",
        "macro F1: drop when masked, in every layer": "–",
        "macro F1: gradient, in every layer": "–",
        "macro F1: gradient, over all layers": "0.777",
        "macro F1: gradient, step by step, over all layers": "–",
    }


def test_nothing_varied(metrics):
    assert tables.temperature_table(metrics) == ""
    assert tables.pruning_table(metrics) == ""
