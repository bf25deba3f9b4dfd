# SPDX-License-Identifier: Apache-2.0
"""Cutting texts at the borders of spans."""

import pytest

from dixtill_hf.reporting.highlights import Segment, segments


def test_spans_scores_and_rationale_cut_the_text():
    found = segments("up and away", [[0, 2], [7, 11]], [0.5, -2.0], [[0, 6]])
    assert found == [
        Segment("up", 0.5, 0.25, True),
        Segment(" and", None, 0.0, True),
        Segment(" ", None, 0.0, False),
        Segment("away", -2.0, -1.0, False),
    ]


def test_neighbours_of_equal_score_stay_apart():
    assert [part.text for part in segments("abcd", [[0, 2], [2, 4]], [1.0, 1.0])] == ["ab", "cd"]


def test_scores_of_spans_that_share_characters_add_up():
    (part,) = segments("🚨", [[0, 1], [0, 1], [1, 1]], [0.5, 0.25, 9.0])
    assert part == Segment("🚨", 0.75, 1.0, False)


@pytest.mark.parametrize("text", ["", "no spans at all", "line\nbreak\tand  spaces "])
def test_segments_join_to_the_text(text):
    spans = [[start, start + 1] for start in range(0, len(text), 3)]
    found = segments(text, spans, [0.0] * len(spans))
    assert "".join(part.text for part in found) == text
    assert all(part.strength == 0.0 for part in found)


def test_number_of_scores_must_be_that_of_spans():
    with pytest.raises(ValueError, match="2 spans and 1 scores"):
        segments("ab", [[0, 1], [1, 2]], [1.0])


@pytest.mark.parametrize("span", [[0, 4], [-1, 2], [2, 1]])
def test_span_must_lie_in_the_text(span):
    with pytest.raises(ValueError, match="text has 3 characters"):
        segments("abc", [span], [1.0])
