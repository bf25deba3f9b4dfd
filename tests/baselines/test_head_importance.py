# SPDX-License-Identifier: Apache-2.0
"""The choice of heads: the least important go, layers keep one, rounds build on each other."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dixtill_hf.baselines.attention_heads import masked_heads
from dixtill_hf.baselines.head_importance import (
    REMOVED,
    choose_heads,
    gradient_importance,
    iterative_gradient_heads,
)
from dixtill_hf.teacher.loading import Teacher, load_teacher

IMPORTANCE = np.array(
    [
        [0.3, -0.1, 0.2, 0.9],
        [0.01, 0.04, 0.03, 0.02],
        [0.5, 0.5, 0.5, 0.5],
    ]
)


@pytest.fixture
def teacher(tiny_teacher_dir: Callable[[str], Path]) -> Teacher:
    """Two layers of two heads."""
    return load_teacher(tiny_teacher_dir("bert"))


@pytest.mark.parametrize(
    ("per_layer", "chosen"),
    [
        (0, {}),
        (1, {0: [1], 1: [0], 2: [0]}),
        (2, {0: [1, 2], 1: [0, 3], 2: [0, 1]}),
        (3, {0: [0, 1, 2], 1: [0, 2, 3], 2: [0, 1, 2]}),
    ],
)
def test_per_layer_the_least_important_go_and_of_equals_the_first(
    per_layer: int, chosen: dict[int, list[int]]
) -> None:
    assert choose_heads(IMPORTANCE, per_layer=per_layer) == chosen


@pytest.mark.parametrize(
    ("total", "chosen"),
    [
        (0, {}),
        (1, {0: [1]}),
        (3, {0: [1], 1: [0, 3]}),
        # Head 1 of layer 1 is its last one: less important than those of layers 0 and 2, it stays.
        (5, {0: [1, 2], 1: [0, 2, 3]}),
        (7, {0: [0, 1, 2], 1: [0, 2, 3], 2: [0]}),
        (9, {0: [0, 1, 2], 1: [0, 2, 3], 2: [0, 1, 2]}),
    ],
)
def test_over_all_layers_every_layer_keeps_its_most_important_head(
    total: int, chosen: dict[int, list[int]]
) -> None:
    assert choose_heads(IMPORTANCE, total=total) == chosen


def test_heads_that_are_gone_come_first_and_count() -> None:
    importance = IMPORTANCE.copy()
    importance[0, 3] = REMOVED
    assert choose_heads(importance, per_layer=1)[0] == [3]
    assert choose_heads(importance, total=2) == {0: [1, 3]}


def test_the_choice_is_of_plain_integers() -> None:
    chosen = choose_heads(IMPORTANCE, total=5)
    assert {type(head) for heads in chosen.values() for head in heads} == {int}


@pytest.mark.parametrize(
    ("importance", "numbers", "message"),
    [
        (IMPORTANCE, {}, "give one of per_layer and total"),
        (IMPORTANCE, {"per_layer": 1, "total": 1}, "per_layer=1 and total=1"),
        (IMPORTANCE, {"per_layer": 4}, "per_layer must be from 0 to 3"),
        (IMPORTANCE, {"per_layer": -1}, "got -1"),
        (IMPORTANCE, {"total": 10}, "total must be from 0 to 9"),
        (IMPORTANCE[0], {"total": 1}, r"shape \(4,\)"),
        (IMPORTANCE * np.nan, {"total": 1}, "12 NaN"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    importance: np.ndarray, numbers: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        choose_heads(importance, **numbers)


def test_rounds_rank_the_rest_with_earlier_heads_silent(
    teacher: Teacher, sentences: list[str]
) -> None:
    labels = [row % 3 for row in range(len(sentences))]
    first = choose_heads(gradient_importance(teacher, sentences, labels), total=1)
    with masked_heads(teacher.model, first):
        importance = gradient_importance(teacher, sentences, labels)
    for layer, heads in first.items():
        importance[layer, heads] = REMOVED
    rounds = iterative_gradient_heads(teacher, sentences, labels, per_round=1, total=2)
    assert rounds == [first, choose_heads(importance, total=2)]
    assert sorted(rounds[1]) == [0, 1]


@pytest.mark.parametrize(("total", "sizes"), [(0, [0]), (1, [1]), (2, [2])])
def test_the_last_round_takes_what_is_left(
    total: int, sizes: list[int], teacher: Teacher, sentences: list[str]
) -> None:
    labels = [row % 3 for row in range(len(sentences))]
    rounds = iterative_gradient_heads(teacher, sentences, labels, per_round=2, total=total)
    assert [sum(map(len, chosen.values())) for chosen in rounds] == sizes


def test_a_round_must_choose_a_head(teacher: Teacher) -> None:
    with pytest.raises(ValueError, match="per_round must be at least 1, got 0"):
        iterative_gradient_heads(teacher, ["up"], [0], per_round=0, total=1)
