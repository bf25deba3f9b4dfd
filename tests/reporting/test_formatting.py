# SPDX-License-Identifier: Apache-2.0
"""Numbers and tables as text."""

import pytest

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.formatting import Column
from dixtill_hf.reporting.measurements import Estimate


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.00 kB"),
        (3_450_000, "3.45 MB"),
        (182_500_000, "182 MB"),
        (99_990_000, "100 MB"),
        (5_000_000_000_000_000, "5,000 TB"),
    ],
)
def test_size(value, expected):
    assert fmt.size(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.2, "1.20×"), (9.996, "10.0×"), (52.51, "52.5×"), (127.4, "127×"), (1234.5, "1,234×")],
)
def test_ratio_has_three_figures(value, expected):
    assert fmt.ratio(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.416, "0.42 s"),
        (9.999, "10 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3_599.7, "1 h 00 min"),
        (7_321, "2 h 02 min"),
    ],
)
def test_duration(value, expected):
    assert fmt.duration(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(0.0, "< 0.001"), (0.0312, "0.031"), (None, "–")])
def test_p_value_is_never_nought(value, expected):
    assert fmt.p_value(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (Estimate(0.8), "0.800"),
        (Estimate(0.8024, 0.0031, 0.7986, 0.8062), "0.802 ± 0.003<br>[0.799, 0.806]"),
    ],
)
def test_estimate(value, expected):
    assert fmt.estimate(value) == expected


@pytest.mark.parametrize(
    ("items", "expected"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_listing(items, expected):
    assert fmt.listing(items) == expected


def test_counted_agrees_in_number():
    assert fmt.counted(1, "text") == "1 text"
    assert fmt.counted(2388, "text") == "2,388 texts"


def test_table_sets_the_best_of_each_column_in_bold():
    columns = [
        Column("model", ["t", "a", "b"], numeric=False),
        Column("F1", ["0.9", "0.5<br>[0, 1]", "0.4"], [None, 0.5, 0.4]),
        Column("size", ["9", "3", "2"], [None, 3, 2], min),
    ]
    assert fmt.table(columns).splitlines() == [
        "| model | F1 | size |",
        "| :--- | ---: | ---: |",
        "| t | 0.9 | 9 |",
        "| a | **0.5**<br>[0, 1] | 3 |",
        "| b | 0.4 | **2** |",
    ]


def test_models_that_look_equal_in_the_table_are_equally_good():
    table = fmt.table([Column("F1", ["0.800", "0.800", "0.7"], [0.80004, 0.80001, 0.7])])
    assert table.count("**0.800**") == 2


def test_nothing_is_best_where_all_are_equal():
    assert "**" not in fmt.table([Column("size", ["1", "1"], [1, 1])])


def test_a_single_competitor_is_not_called_the_best():
    assert "**" not in fmt.table([Column("F1", ["0.9", "0.8"], [None, 0.8])])


def test_columns_without_a_value_are_left_out():
    table = fmt.table([Column("a", ["1"]), Column("b", [fmt.NOTHING])])
    assert table.splitlines()[0] == "| a |"


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "–"), (0.612, "0.61"), (12.34, "12.3"), (1204.4, "1,204")]
)
def test_milliseconds(value, expected):
    assert fmt.milliseconds(value) == expected


def test_column_of_numbers_marks_the_best_where_there_is_one():
    values = [0.3, None, 0.1]
    plain = fmt.table([fmt.column("a", values, fmt.score)])
    assert plain.splitlines()[2:] == ["| 0.300 |", "| – |", "| 0.100 |"]
    lowest = fmt.table([fmt.column("a", values, fmt.score, min)])
    assert lowest.splitlines()[2:] == ["| 0.300 |", "| – |", "| **0.100** |"]


def test_column_of_estimates():
    column = fmt.estimates_column("a", [Estimate(0.5, 0.01, 0.4, 0.6), None, Estimate(0.7)])
    assert fmt.table([column]).splitlines()[2:] == ["| 0.500 ± 0.010 |", "| – |", "| **0.700** |"]
