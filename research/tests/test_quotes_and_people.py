# SPDX-License-Identifier: Apache-2.0
"""Quotes against the marks of people, by a count that one can do by hand."""

import pytest

from research.quotes_and_people import compare


def test_token_f1_by_hand() -> None:
    posts = [
        {
            "words": ["it", "fell", "a", "lot"],
            "people_marks": [[0, 1, 0, 1], [0, 1, 0, 0], [0, 1, 0, 1]],
            "llm_keywords": ["fell", "missing"],
        },
        {"words": ["fine"], "people_marks": [], "llm_keywords": ["fine"]},
    ]
    found = compare(posts)
    assert found["share_found"] == pytest.approx(2 / 3)
    assert found["compared_texts"] == 1
    assert found["token_f1"] == pytest.approx(2 * 1 / (1 + 2))
