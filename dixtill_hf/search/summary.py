# SPDX-License-Identifier: Apache-2.0
"""What a search has found: the Pareto front, and when the search has paid for itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dixtill_hf.search.sampling import within

Point = dict[str, Any]


def points_of(records: Sequence[Mapping[str, Any]]) -> list[Point]:
    """All forms of all architectures, one mapping each with the fields of its architecture."""
    return [
        {
            **record["architecture"],
            "name": f"{record['name']}_{form['bits']}",
            "students": record["students"],
            **form,
        }
        for record in records
        for form in record["forms"]
    ]


def pareto_front(
    points: Sequence[Point], limits: Mapping[str, float], objectives: Sequence[str]
) -> list[Point]:
    """The points within the limits that no other such point beats.

    A point beats another if it is at least as good in all objectives and better in one.

    Args:
        points: From `points_of`.
        limits: Figure → the most that is allowed.
        objectives: Figures of which less is better; macro F1 is one in any case.

    Returns:
        The front, the smallest in bytes first.
    """
    allowed = [point for point in points if within(point, limits)]
    front = [
        point
        for point in allowed
        if not any(_beats(other, point, objectives) for other in allowed if other is not point)
    ]
    return sorted(front, key=lambda point: (point["bytes"], -point["macro_f1"]))


def _beats(one: Point, other: Point, objectives: Sequence[str]) -> bool:
    costs = [(-one["macro_f1"], -other["macro_f1"])]
    costs += [(one[name], other[name]) for name in objectives]
    return all(a <= b for a, b in costs) and any(a < b for a, b in costs)


def texts_until_paid(cost: float | None, before: float | None, after: float | None) -> int | None:
    """How many texts have to be classified until a cost is made up for.

    Args:
        cost: Of the search, in seconds or joules; None if it is not known.
        before: Of one text without the search, in the same unit.
        after: Of one text with what the search has found.

    Returns:
        The number of texts; None if something is not known, or if nothing is saved.
    """
    if cost is None or before is None or after is None or before <= after:
        return None
    return math.ceil(cost / (before - after))


def with_savings(
    front: Sequence[Point], cost: Mapping[str, Any], references: Mapping[str, Mapping[str, Any]]
) -> list[Point]:
    """The points of a front with `pays_after`.

    Args:
        front: The points.
        cost: Of the search: `seconds`, and `joules` or None.
        references: What would run without the search: name → `microseconds`, and
            `joules_per_text` or None.

    Returns:
        The points. `pays_after` has for each reference the number of texts after which the time
        (`by_seconds`) and the energy (`by_joules`) of the search are made up for, or None.
    """
    return [
        {
            **point,
            "pays_after": {
                name: {
                    "by_seconds": texts_until_paid(
                        cost["seconds"],
                        reference["microseconds"] / 1e6,
                        point["microseconds"] / 1e6,
                    ),
                    "by_joules": texts_until_paid(
                        cost["joules"],
                        reference.get("joules_per_text"),
                        point.get("joules_per_text"),
                    ),
                }
                for name, reference in references.items()
            },
        }
        for point in front
    ]
