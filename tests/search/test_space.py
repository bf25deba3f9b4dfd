# SPDX-License-Identifier: Apache-2.0
"""The space holds what is to be searched, and nothing that the recipe fixes."""

import pytest

from dixtill_hf.search.settings import SearchSettings
from dixtill_hf.search.space import Architecture, SearchSpace
from dixtill_hf.workflow.recipe import StudentArguments

SETTINGS = SearchSettings(
    cells=["lstm", "gru"], hidden_sizes=[8, 4], embedding_sizes=[5], min_frequencies=[1, 3]
)


def test_ranks_and_architectures_are_each_others_inverse():
    space = SearchSpace.of(SETTINGS, StudentArguments())
    every = space.architectures()
    assert len(every) == len(set(every)) == 8
    assert [space.at(space.ranks(one)) for one in every] == every
    assert space.smallest() == [Architecture(cell, 4, 5, 3) for cell in ("lstm", "gru")]


def test_a_cell_must_run_in_one_of_the_bits():
    integers = SearchSettings(bits=["8"])
    assert SearchSpace.of(integers, StudentArguments()).values["cell"] == ("lstm",)
    with pytest.raises(ValueError, match="The cell gru runs in float32 only, and bits is 8"):
        SearchSpace.of(integers, StudentArguments(cell="gru"))


def test_what_the_recipe_gives_is_not_searched():
    space = SearchSpace.of(SETTINGS, StudentArguments(cell="gru", hidden_size=7, min_frequency=2))
    assert space.architectures() == [Architecture("gru", 7, 5, 2)]


def test_a_pretrained_start_keeps_its_sizes(student_start_dir):
    arguments = StudentArguments(student_start=str(student_start_dir))
    space = SearchSpace.of(SETTINGS, arguments)
    assert {one.min_frequency for one in space.architectures()} == {1, 3}
    assert len({one.hidden_size for one in space.architectures()}) == 1
    given = space.architectures()[0].student(arguments)
    assert (given.cell, given.hidden_size, given.embedding_size) == (None, None, None)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"trials": 0}, "trials must be at least 1, got 0"),
        ({"max_bytes": 0}, "max_bytes must be above 0"),
        ({"hidden_sizes": []}, "hidden_sizes is empty"),
        ({"hidden_sizes": [3, 3]}, "'3' more than once"),
        ({"embedding_sizes": [0]}, "embedding_sizes must be at least 1 each"),
        ({"cells": ["rnn"]}, "cell must be one of lstm, gru"),
        ({"bits": ["7"]}, "bits must be one of float32, 8, 4, pq"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        SearchSettings(**wrong)
