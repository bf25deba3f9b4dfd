# SPDX-License-Identifier: Apache-2.0
"""The tables of size and time."""

import pytest

from dixtill_hf.reporting.benchmark import efficiency_tables
from dixtill_hf.reporting.benchmark.compared_models import compared_models
from dixtill_hf.reporting.measurements import series_of
from dixtill_hf.reporting.report import report_text


@pytest.fixture
def overview(read_table):
    def read(metrics):
        models = compared_models(metrics, series_of(metrics))
        table = efficiency_tables.size_and_time_table(metrics, models)
        return {row["model"]: row for row in read_table(table)}

    return read


def test_a_model_stands_with_its_fastest_runtime(benchmark, overview):
    row = overview(benchmark)["KL"]
    assert row["fastest runtime"] == "onnxruntime"
    # On two threads half of the 4 ms, and half of the 250 and of the 200 of the teacher.
    assert row["time, ms"] == "2.00"
    assert row["speed-up, same runtime"] == "**62.5×**"
    assert row["speed-up, fastest teacher"] == "50.0×"
    assert row["the same with tokenization"] == "20.6×"
    assert row["peak memory"] == "304 MB"
    assert row["compression"] == "52.5×"


def test_neither_teacher_nor_reference_competes(benchmark, overview):
    for row in benchmark["efficiency"]["rows"]:
        if row["model"].startswith("BERT"):
            row["speedup_fastest_teacher"] = 1000.0
    rows = overview(benchmark)
    assert rows["BERT-base (random weights)"]["speed-up, fastest teacher"] == "1,000×"
    assert rows["bag of words"]["speed-up, fastest teacher"] == "**100×**"


def test_published_figures_have_columns_of_their_own(benchmark, overview):
    rows = overview(benchmark)
    published = {title: cell for title, cell in rows["DiXtill"].items() if "published" in title}
    assert published == {
        "published: size": "3.45 MB",
        "published: compression": "127×",
        "published: batch of 32 padded to 150, ms": "70.0",
        "published: speed-up": "8.70×",
    }
    assert rows["int8 dynamic"]["published: size"] == "–"
    benchmark["published"] = None
    assert not any("published" in title for title in overview(benchmark)["teacher"])


def test_times_of_every_setting(benchmark, read_table):
    tables = dict(efficiency_tables.time_tables(benchmark))
    assert list(tables) == [
        "2 threads, without tokenization",
        "2 threads, with tokenization",
        "1 thread, without tokenization",
        "1 thread, with tokenization",
    ]
    rows = read_table(tables["1 thread, without tokenization"])
    (row,) = (row for row in rows if (row["model"], row["runtime"]) == ("DiXtill", "onnxruntime"))
    assert row["batch of 32, unpadded, ms"] == "4.00 (4.80)"
    assert row["batch of 32, padded to 150, ms"] == "12.0 (14.4)"
    assert row["batch of 1, unpadded, ms"] == "0.12 (0.15)"
    assert row["texts per second"] == "8,000"
    assert row["explains"] == "yes"


def test_a_model_that_was_not_timed_in_a_setting_has_no_figure_there(benchmark, read_table):
    rows = benchmark["efficiency"]["rows"]
    benchmark["efficiency"]["rows"] = [
        row for row in rows if (row["model"], row["batch_size"]) != ("bag of words", 32)
    ]
    (_, table), *_ = efficiency_tables.time_tables(benchmark)
    (row,) = (row for row in read_table(table) if row["model"] == "bag of words")
    assert row["batch of 32, unpadded, ms"] == "–"
    assert row["texts per second"] == "–"
    assert row["batch of 1, unpadded, ms"] != "–"


def test_without_times_there_are_no_tables(metrics):
    models = compared_models(metrics, series_of(metrics))
    assert efficiency_tables.size_and_time_table(metrics, models) == ""
    assert efficiency_tables.time_tables(metrics) == []
    assert efficiency_tables.memory_table(metrics) == ""
    assert efficiency_tables.main_setting(metrics) == ""


def test_energy_is_shown_where_it_was_measured(benchmark, read_table):
    assert efficiency_tables.energy_table(benchmark) == ""
    benchmark["efficiency"]["energy"] = [
        {"model": "teacher", "runtime": "pytorch", "joules_per_text": 0.1234, "watts": 45.0}
    ]
    (row,) = read_table(efficiency_tables.energy_table(benchmark))
    assert (row["mJ a text"], row["watts"]) == ("123", "45")
    assert "Energy" in report_text(benchmark, [], False)
