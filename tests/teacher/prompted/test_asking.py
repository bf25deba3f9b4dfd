# SPDX-License-Identifier: Apache-2.0
"""Asking: nothing twice, never beyond the budget, and answers in words become shares of labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dixtill_hf.teacher.prompted.asking import BudgetExceededError, LabelAsker, match_answer

LABELS = ["good", "bad", "not good"]


class Talker:
    """Answers in turn from a list."""

    def __init__(self, *answers: str) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def generate(self, prompts: Sequence[str]) -> list[str]:
        self.asked += prompts
        return [self.answers[len(self.asked) % len(self.answers)] for _ in prompts]


class Scoring:
    """The length of the continuation is its log-probability."""

    def __init__(self) -> None:
        self.asked = 0

    def score(self, prompts: Sequence[str], continuations: Sequence[str]) -> list[list[float]]:
        self.asked += 1
        return [[-float(len(one)) for one in continuations] for _ in prompts]


def asker(source: Any, tmp_path: Path, **settings: Any) -> LabelAsker:
    given = {"key": "model 1", "directory": tmp_path, "workers": 1, **settings}
    return LabelAsker(source, LABELS, "Judge it.", **given)


def test_scores_are_the_logits(tmp_path: Path) -> None:
    found = asker(Scoring(), tmp_path)(["a", "b"])
    np.testing.assert_array_equal(found, [[-5, -4, -9]] * 2)


def test_shares_of_answers_are_the_logits_with_half_a_count_more(tmp_path: Path) -> None:
    said = Talker("Good.", "bad", "The label is bad", "who knows")
    (found,) = asker(said, tmp_path, samples=4).ask(["a"])
    np.testing.assert_allclose(np.exp(found.logits), [1.5 / 4.5, 2.5 / 4.5, 0.5 / 4.5], rtol=1e-6)
    assert found.unclear == 1


@pytest.mark.parametrize("settings", [{}, {"samples": 3}])
def test_nothing_is_asked_twice(settings: dict[str, Any], tmp_path: Path) -> None:
    first, again = Talker("good"), Talker("good")
    asker(first, tmp_path, **settings)(["a", "b", "a"])
    assert len(first.asked) == 2 * settings.get("samples", 5)
    asker(again, tmp_path, **settings)(["b", "a"])
    assert again.asked == []
    asker(again, tmp_path, **settings, verbalizers={"bad": "poor"})(["a"])
    assert len(again.asked) == settings.get("samples", 5)


def test_more_samples_ask_only_for_the_further_ones(tmp_path: Path) -> None:
    said = Talker("good")
    asker(said, tmp_path, samples=2)(["a"])
    asker(said, tmp_path, samples=5)(["a"])
    assert len(said.asked) == 5


def test_a_budget_is_not_passed_and_what_was_paid_for_is_kept(tmp_path: Path) -> None:
    said = Talker("good")
    with pytest.raises(BudgetExceededError, match="3 calls were made"):
        asker(said, tmp_path, samples=1, max_calls=3)(list("abcdef"))
    assert len(said.asked) == 3
    with pytest.raises(BudgetExceededError):  # also for a process that begins anew
        asker(said, tmp_path, samples=1, max_calls=3)(list("abcdef"))
    assert len(said.asked) == 3
    asker(said, tmp_path, samples=1)(list("abcdef"))
    assert len(said.asked) == 6


def test_a_plan_asks_nothing_and_tells_what_is_left(tmp_path: Path) -> None:
    said = Talker("good")
    planned = asker(said, tmp_path, samples=2).plan(["a", "b", "b"])
    assert (planned.texts, planned.calls, planned.kept, said.asked) == (2, 4, 0, [])
    assert planned.tokens > 0
    assert planned.minutes is None
    asker(said, tmp_path, samples=2)(["a"])
    planned = asker(said, tmp_path, samples=2).plan(["a", "b"])
    assert (planned.calls, planned.kept) == (2, 2)
    assert planned.minutes is not None
    assert asker(Scoring(), tmp_path).plan(["a", "b"]).calls == 6  # each label is a call


def test_a_killed_process_costs_one_answer_at_most(tmp_path: Path) -> None:
    said = Talker("good")
    asker(said, tmp_path, samples=1)(["a", "b"])
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-10])
    asker(said, tmp_path, samples=1)(["a", "b"])
    assert len(said.asked) == 3
    asker(said, tmp_path, samples=1)(["a", "b"])
    assert len(said.asked) == 3


def test_quotes_come_with_the_answers(tmp_path: Path) -> None:
    said = Talker('Sure: {"label": "bad", "quotes": ["fell", 3]}', "bad, I think {")
    (found,) = asker(said, tmp_path, samples=2, quotes=True).ask(["it fell"])
    assert sorted(found.quotes) == [[], ["fell"]]
    assert found.logits.argmax() == 1
    assert "copied as they are" in said.asked[0]


@pytest.mark.parametrize(
    ("said", "position"),
    [
        ("Good!", 0),
        ("not good", 2),
        ("It is not good.", 2),
        ("I would say bad", 1),
        ("good or bad", 0),
        ("either bad or good", None),
        ("", None),
        ("goodness", None),
    ],
)
def test_answers_in_words(said: str, position: int | None) -> None:
    assert match_answer(said, LABELS) == position


def test_what_a_source_cannot_do_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no method score"):
        asker(Talker("a"), tmp_path, scoring="scored")
    with pytest.raises(ValueError, match="Quotes come with answers"):
        asker(Scoring(), tmp_path, quotes=True)
    with pytest.raises(ValueError, match="samples must be at least 1"):
        asker(Talker("a"), tmp_path, samples=0)
