# SPDX-License-Identifier: Apache-2.0
"""The fields of a benchmark are checked, and a quick one never does more than was asked."""

from dataclasses import replace

import pytest

from dixtill_hf.workflow.benchmark_recipe import (
    BenchmarkArguments,
    check_benchmark,
    quick_arguments,
    quick_recipe,
)
from dixtill_hf.workflow.recipe import DataArguments, Recipe, StudentArguments


def test_no_baselines_and_no_rankings_are_possible():
    check_benchmark(BenchmarkArguments(baselines=[], rankings=[]), Recipe())


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("baselines", ["int8-dynamik"], "Did you mean 'int8-dynamic'"),
        ("rankings", ["maskin"], "Did you mean 'masking'"),
        ("temperature_presets", ["papr"], "Did you mean 'paper'"),
        ("temperature_presets", ["paper"], "temperature_presets"),
        ("temperature_seeds", 0, "temperature_seeds must be at least 1, got 0"),
        ("temperature_seeds", 4, "temperature_seeds is 4, but the run has 3 seeds"),
        ("threads", [0, 1], r"threads must be one number or more, each above 0, got \[0, 1\]"),
        ("temperatures", [], "temperatures must be one number or more"),
        ("explained_texts", 0, "explained_texts must be at least 1"),
    ],
)
def test_a_wrong_field_is_told(field: str, value: object, told: str):
    with pytest.raises(ValueError, match=told):
        check_benchmark(replace(BenchmarkArguments(), **{field: value}), Recipe())


def test_a_quick_benchmark_is_smaller_in_everything():
    whole = BenchmarkArguments()
    quick = quick_arguments(whole)
    assert quick.rounds < whole.rounds
    assert len(quick.rankings) < len(whole.rankings)
    assert quick.temperatures == [1.0, 5.0]


def test_a_quick_recipe_takes_no_more_than_was_asked():
    data = DataArguments(max_train_texts=50, unlabelled_source="more.csv")
    small = Recipe(data=data, student=StudentArguments(seeds=1))
    quick = quick_recipe(small)
    assert quick.data.max_train_texts == 50
    assert quick.data.unlabelled_source is None
    assert quick.student.seeds == 1
    large = quick_recipe(Recipe(student=StudentArguments(seeds=10)))
    assert large.data.max_train_texts == 1000
    assert large.student.seeds == 2
