# SPDX-License-Identifier: Apache-2.0
"""The token budget: full batches of similar rows, and less of them when memory runs out."""

import pytest
import torch

from dixtill_hf.explainers.token_budget import TokenBudget


def _batches(budget: TokenBudget, lengths: list[int], costs: list[int] | None = None) -> list:
    seen: list[list[int]] = []
    budget.run(lengths, seen.append, costs)
    return seen


def test_batches_hold_as_many_rows_as_fit_longest_first():
    assert _batches(TokenBudget(12), [3, 6, 4, 6, 3]) == [[1, 3], [2, 0, 4]]


def test_a_batch_of_lengths_that_differ_much_is_half_as_large():
    lengths = [8, 8, 8, 3, 3, 3, 3, 2, 2, 2, 2]
    assert _batches(TokenBudget(32), lengths) == [[0, 1], [2, 3], [4, 5, 6, 7, 8], [9, 10]]


def test_what_is_left_for_the_last_batch_is_not_halved():
    assert _batches(TokenBudget(80), [10, 2, 2, 2]) == [[0, 1, 2, 3]]


def test_a_longer_row_than_the_budget_stands_alone():
    assert _batches(TokenBudget(4), [9, 2, 2]) == [[0], [1, 2]]


def test_costs_replace_lengths():
    assert _batches(TokenBudget(10), [2, 5, 3], [4, 10, 6]) == [[1], [2], [0]]


def test_no_rows_are_no_work():
    assert _batches(TokenBudget(10), []) == []


def test_results_are_collected_in_the_order_of_the_rows():
    results = TokenBudget(6).collect([1, 3, 2], lambda rows: [row * 10 for row in rows])
    assert results == [0, 10, 20]


def test_the_budget_shrinks_for_good_when_memory_runs_out(caplog):
    budget, done = TokenBudget(16), []

    def work(rows: list[int]) -> None:
        if len(rows) > 2:
            raise torch.cuda.OutOfMemoryError
        done.append(rows)

    budget.run([2] * 5, work)
    assert done == [[0, 1], [2, 3], [4]]
    assert budget.tokens == 4
    assert "tokens_per_batch=4" in caplog.text


def test_a_row_that_does_not_fit_by_itself_is_an_error_with_its_length():
    def work(rows: list[int]) -> None:
        raise torch.cuda.OutOfMemoryError

    with pytest.raises(torch.cuda.OutOfMemoryError, match="A text of 7 tokens does not fit"):
        TokenBudget(100).run([7, 3], work, costs=[14, 6])
