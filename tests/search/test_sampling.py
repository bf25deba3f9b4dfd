# SPDX-License-Identifier: Apache-2.0
"""Every architecture is named once, in whatever call, and limits decide what the sampler learns."""

import pytest

from dixtill_hf.search.sampling import ArchitectureSampler, within
from dixtill_hf.search.settings import SearchSettings
from dixtill_hf.search.space import Architecture, SearchSpace
from dixtill_hf.workflow.recipe import StudentArguments

optuna = pytest.importorskip("optuna")

SETTINGS = SearchSettings(
    cells=["lstm"],
    hidden_sizes=[50, 5],
    embedding_sizes=[50, 4],
    min_frequencies=[1, 2],
    bits=["8", "4"],
)
SPACE = SearchSpace.of(SETTINGS, StudentArguments())


@pytest.fixture
def sampler(tmp_path):
    return lambda: ArchitectureSampler(tmp_path, SPACE, SETTINGS, ["key"], "multiply_adds")


def record(architecture):
    figures = {"macro_f1": 0.5, "bytes": 10, "microseconds": 1.0, "multiply_adds": 3}
    forms = [{"bits": bits, **figures} for bits in SETTINGS.bits]
    return {"architecture": vars(architecture), "forms": forms}


def test_each_architecture_is_named_once(sampler):
    one, named = sampler(), []
    while (architecture := one.next()) is not None:
        named.append(architecture)
        if len(named) % 3:
            one.tell(record(architecture))
        else:
            one.refuse(architecture)
    assert sorted(named) == SPACE.architectures()


def test_the_first_is_the_one_that_was_asked_for(sampler):
    one = sampler()
    one.first(Architecture("lstm", 50, 50, 2))
    assert one.next() == Architecture("lstm", 50, 50, 2)


def test_another_call_begins_with_what_was_left_open(sampler):
    one = sampler()
    done = one.next()
    one.tell(record(done))
    left = one.next()
    again = sampler()
    again.add_known([record(done)])
    assert again.next() == left
    again.tell(record(left))
    complete = [optuna.trial.TrialState.COMPLETE]
    assert len(again._study.get_trials(states=complete)) == 2 * len(SETTINGS.bits)


def test_what_earlier_searches_know_is_told_once(sampler):
    known = record(Architecture("lstm", 5, 4, 1))
    for _ in range(2):
        one = sampler()
        one.add_known([known])
    complete = [optuna.trial.TrialState.COMPLETE]
    assert len(one._study.get_trials(states=complete)) == len(SETTINGS.bits)
    assert Architecture("lstm", 5, 4, 1) not in [one.next()]


def test_limits():
    assert within({"bytes": 5, "microseconds": 2}, {"bytes": 5})
    assert not within({"bytes": 6, "microseconds": 2}, {"bytes": 5})
