# SPDX-License-Identifier: Apache-2.0
"""Published figures never pass for measured ones."""

from dixtill_hf.reporting.benchmark.compared_models import (
    citation,
    compared_models,
    published_accuracy,
    published_quality,
    published_size_and_time,
)
from dixtill_hf.reporting.measurements import series_of
from dixtill_hf.reporting.tables import quality_table


def test_columns_say_that_they_are_published_and_have_no_best_cell(benchmark):
    models = compared_models(benchmark, series_of(benchmark))
    columns = [
        *published_quality(benchmark, models),
        *published_size_and_time(benchmark, models),
        *published_accuracy(benchmark, models),
    ]
    assert all(column.title.startswith("published: ") for column in columns)
    assert not any(column.values for column in columns)


def test_figures_stand_in_the_rows_of_their_models(benchmark, read_table):
    series = series_of(benchmark)
    judged = [
        one for one in compared_models(benchmark, series) if one.family in ("teacher", "student")
    ]
    columns = published_quality(benchmark, judged)
    rows = read_table(quality_table(benchmark, series, columns))
    found = {row["model"]: row["published: macro F1"] for row in rows}
    assert (found["teacher"], found["DiXtill"], found["KL"]) == ("0.911", "0.889", "–")


def test_citation(benchmark, metrics):
    assert citation(benchmark).startswith("Nobody et al.")
    assert citation(metrics) == ""
    assert citation(metrics | {"published": None}) == ""
