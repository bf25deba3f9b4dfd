# SPDX-License-Identifier: Apache-2.0
"""Shards of about equal cost, and the same ones whenever the plan is made anew."""

from itertools import chain, pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from dixtill_hf.annotation import planning
from dixtill_hf.annotation.planning import Limits, assign_shards, plan_shards
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.explainers.occlusion import Occlusion


def test_cheap_texts_come_first_and_shards_end_where_the_next_is_too_much():
    costs = np.array([5, 1, 9, 2, 2, 30, 4])
    shards = plan_shards(np.zeros(7, int), costs, Limits(texts=3, cost=10))
    assert [shard.texts.tolist() for shard in shards] == [[1, 3, 4], [6, 0], [2], [5]]
    assert [shard.cost for shard in shards] == [5, 9, 9, 30]


def test_a_shard_stays_in_its_window():
    shards = plan_shards(np.array([0, 0, 0, 2, 2]), np.ones(5, int), Limits(texts=4, cost=100))
    assert [shard.texts.tolist() for shard in shards] == [[0, 1, 2], [3, 4]]


def test_nothing_to_do_is_no_shards():
    assert plan_shards(np.zeros(0, int), np.zeros(0, int), Limits(4, 4)) == []


@pytest.mark.parametrize("seed", range(20))
def test_whichever_shards_are_done_the_others_are_planned_as_before(seed):
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 400))
    costs = random.geometric(0.05, count)
    windows = np.arange(count) // int(random.integers(20, 100))
    limits = Limits(texts=int(random.integers(1, 12)), cost=int(random.integers(1, 200)))
    planned = [shard.texts.tolist() for shard in plan_shards(windows, costs, limits)]
    left = [texts for texts in planned if random.random() < 0.5]
    rows = np.array(sorted(text for texts in left for text in texts), int)
    again = plan_shards(windows[rows], costs[rows], limits)
    assert [rows[shard.texts].tolist() for shard in again] == left


def test_processes_get_shares_of_like_cost_whatever_their_number():
    random = np.random.default_rng(0)
    costs = np.sort(random.geometric(0.02, 3000))
    shards = plan_shards(np.arange(3000) // 256, costs, Limits(texts=16, cost=2000))
    largest = max(shard.cost for shard in shards)
    for processes in (1, 2, 4, 7):
        assigned = assign_shards(shards, processes)
        assert sorted(chain(*assigned)) == list(range(len(shards)))
        loads = [sum(shards[number].cost for number in own) for own in assigned]
        assert max(loads) - min(loads) <= largest
        assert all(one < other for own in assigned for one, other in pairwise(own))


def test_more_processes_than_shards_leave_some_without_work():
    shards = plan_shards(np.zeros(2, int), np.ones(2, int), Limits(texts=1, cost=1))
    assert assign_shards(shards, 4) == [[0], [1], [], []]


def test_a_shard_is_about_the_same_time_whatever_the_teacher(teacher):
    limits = Limits.of(teacher, Occlusion())
    assert limits.texts == planning.CPU_SHARD.texts
    weights = teacher.model.num_parameters(exclude_embeddings=True)
    assert limits.cost == int(planning.CPU_SHARD.operations / (2 * weights))
    # A gradient doubles the work of an evaluation.
    assert Limits.of(teacher, IntegratedGradients()).cost == pytest.approx(limits.cost / 2, abs=1)
    assert limits.window == limits.texts * planning.SHARDS_PER_WINDOW


def test_devices_that_are_no_cpu_get_larger_shards():
    model = SimpleNamespace(num_parameters=lambda exclude_embeddings: 1000)
    teacher = SimpleNamespace(model=model, device=SimpleNamespace(type="cuda"))
    assert Limits.of(teacher, Occlusion()).texts == planning.ACCELERATOR_SHARD.texts
