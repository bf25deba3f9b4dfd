# SPDX-License-Identifier: Apache-2.0
"""The front is what nothing beats, and a search has paid when it has saved what it took."""

from itertools import product

import pytest

from dixtill_hf.search.summary import pareto_front, points_of, texts_until_paid, with_savings

COSTS = ("bytes", "microseconds")


def point(name, macro_f1, size, time):
    return {"name": name, "macro_f1": macro_f1, "bytes": size, "microseconds": time}


def test_a_point_that_is_beaten_is_not_on_the_front():
    points = [
        point("large", 0.9, 100, 9),
        point("small", 0.7, 10, 5),
        point("beaten", 0.7, 20, 5),
        point("fast", 0.6, 30, 1),
    ]
    assert [one["name"] for one in pareto_front(points, {}, COSTS)] == ["small", "fast", "large"]
    within = pareto_front(points, {"bytes": 25}, COSTS)
    assert [one["name"] for one in within] == ["small"]
    assert pareto_front(points, {"bytes": 5}, COSTS) == []


def test_equal_points_stay():
    assert len(pareto_front([point("a", 1, 1, 1), point("b", 1, 1, 1)], {}, COSTS)) == 2


def test_the_front_is_that_of_the_definition():
    values = [point(f"{f}{s}{t}", f, s, t) for f, s, t in product((0, 1, 2), repeat=3)]
    values = [one for place, one in enumerate(values) if place % 5 != 2]
    found = {one["name"] for one in pareto_front(values, {}, COSTS)}
    for one in values:
        beaten = any(
            other["macro_f1"] >= one["macro_f1"]
            and all(other[cost] <= one[cost] for cost in COSTS)
            and other["name"] != one["name"]
            for other in values
        )
        assert (one["name"] not in found) is beaten


@pytest.mark.parametrize(
    ("cost", "before", "after", "texts"),
    [(10.0, 2.0, 1.5, 20), (10.0, 2.0, 2.0, None), (None, 2.0, 1.0, None), (1.0, None, 1.0, None)],
)
def test_texts_until_paid(cost, before, after, texts):
    assert texts_until_paid(cost, before, after) == texts


def test_savings_are_against_each_reference():
    cost = {"seconds": 3.0, "joules": None}
    references = {"teacher": {"microseconds": 31.0, "joules_per_text": None}}
    (found,) = with_savings([point("a", 1, 1, 1.0)], cost, references)
    assert found["pays_after"] == {"teacher": {"by_seconds": 100_000, "by_joules": None}}


def test_points_have_the_fields_of_their_architecture():
    record = {
        "name": "n",
        "architecture": {"hidden_size": 3},
        "students": ["s"],
        "forms": [{"bits": "8"}, {"bits": "4"}],
    }
    names = [(one["name"], one["hidden_size"]) for one in points_of([record])]
    assert names == [("n_8", 3), ("n_4", 3)]
