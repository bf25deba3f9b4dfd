# SPDX-License-Identifier: Apache-2.0
"""The integers are those of the specification, and near to what real numbers would give."""

from typing import Any

import numpy as np
import pytest

from dixtill_runtime.container import read_container
from dixtill_runtime.reference import (
    EXPONENTIAL,
    SIGMOID,
    Network,
    ReferenceEngine,
    round_shift,
    sigmoid,
    softmax,
    tanh,
)


def test_halves_are_rounded_up() -> None:
    values = np.array([-3, -2, -1, 0, 1, 2, 3])
    assert round_shift(values, 1).tolist() == [-1, -1, 0, 0, 1, 1, 2]


def test_tables_do_not_hang_on_the_last_bit_of_a_library() -> None:
    exact = 32_768 / (1 + np.exp(-np.arange(256) / 16))
    halves = 65_536 * 2.0 ** (-np.arange(257) / 256)
    for numbers in (exact, halves):
        assert np.abs(numbers % 1 - 0.5).min() > 1e-4
    assert SIGMOID[0] == 16_384
    assert SIGMOID[256] == 32_767
    assert EXPONENTIAL[0] == 65_536
    assert EXPONENTIAL[256] == 32_768


def test_sigmoid_and_tanh_are_near_symmetric_and_bounded() -> None:
    inputs = np.arange(-70_000, 70_001)
    outputs = sigmoid(inputs)
    real = 32_768 / (1 + np.exp(-inputs / 4_096))
    assert np.abs(outputs - real).max() < 3
    assert (outputs + outputs[::-1])[inputs != 0].tolist() == [32_768] * (len(inputs) - 1)
    assert outputs.min() == 1
    assert outputs.max() == 32_767
    assert (np.diff(outputs) >= 0).all()
    assert np.abs(tanh(inputs) - 32_768 * np.tanh(inputs / 4_096)).max() < 6


@pytest.mark.parametrize("multiplier", [0, 1, 1 << 14, (1 << 31) - 1])
def test_softmax_sums_to_one(multiplier: int) -> None:
    values = np.random.default_rng(0).integers(-(1 << 31), 1 << 31, 500)
    weights = softmax(values, multiplier)
    assert weights.min() >= 0
    assert abs(weights.sum() - (1 << 24)) <= len(values)
    assert softmax(values[:1], multiplier).tolist() == [1 << 24]


def test_softmax_is_near_that_of_real_numbers() -> None:
    values = np.random.default_rng(0).integers(-(1 << 20), 1 << 20, 40)
    multiplier = round(np.log2(np.e) * 2 ** (44 - 18))
    real = np.exp((values - values.max()) / 2**18)
    assert np.abs(softmax(values, multiplier) / 2**24 - real / real.sum()).max() < 1e-5


def test_answers_are_those_written_down(student: bytes, answers: list[dict[str, Any]]) -> None:
    engine = ReferenceEngine(student)
    for expected in answers:
        answer = engine.run(expected["text"])._asdict()
        for name, value in answer.items():
            assert np.array_equal(value, expected[name]), (expected["text"], name)


def test_contributions_and_biases_sum_to_every_logit_exactly(
    student: bytes, answers: list[dict[str, Any]]
) -> None:
    bias = Network(read_container(student)).bias
    for answer in answers:
        total = bias + np.array(answer["contributions"], int).reshape(-1, len(bias)).sum(axis=0)
        assert total.tolist() == answer["logits"]


def test_a_text_without_words_has_the_biases(student: bytes) -> None:
    answer = ReferenceEngine(student).run("\x00 \u200b")
    assert answer.logits == tuple(Network(read_container(student)).bias.tolist())
    assert answer.contributions == []


def test_integers_are_near_real_arithmetic(student: bytes) -> None:
    network = Network(read_container(student))
    rows = np.random.default_rng(0).integers(0, len(network.vectors), 12)
    states = network.states(rows)
    scores = network.scores(states)
    contributions = network.contributions(states, scores)
    real_states = _real_states(network, rows)
    assert np.abs(states / 2**15 - real_states).max() < 2e-3
    real_scores = _real_scores(network, real_states)
    assert np.abs(scores / 2**network.head.score_bits - real_scores).max() < 1e-2
    weights = np.exp(real_scores - real_scores.max())
    evidence = real_states @ (network.weight.T / 2.0 ** (network.head.logit_bits - 7))
    real = (weights / weights.sum())[:, None] * evidence
    assert np.abs(contributions / 2**network.head.logit_bits - real).max() < 1e-2


def _real_states(network: Network, rows: np.ndarray) -> np.ndarray:
    """The LSTM in float64, with the rounded weights."""
    both = []
    for index, direction in enumerate(network.directions):
        step = -1 if index else 1
        input_weight = direction.input_weight * direction.input_multiplier[:, None] / 2.0**43
        state_weight = direction.state_weight * direction.state_multiplier[:, None] / 2.0**28
        hidden = state_weight.shape[1]
        state, cell, states = np.zeros(hidden), np.zeros(hidden), []
        for row in rows[::step]:
            gates = input_weight @ network.vectors[row] + state_weight @ state
            taken, kept, new, shown = (gates + direction.bias / 4_096).reshape(4, hidden)
            cell = _logistic(kept) * cell + _logistic(taken) * np.tanh(new)
            state = _logistic(shown) * np.tanh(cell)
            states.append(state)
        both.append(np.array(states)[::step])
    return np.hstack(both)


def _real_scores(network: Network, states: np.ndarray) -> np.ndarray:
    weight = network.attention_weight * network.attention_multiplier[:, None] / 2.0**28
    vector = network.attention_vector / 2.0 ** (network.head.score_bits - 15)
    return np.tanh(states @ weight.T) @ vector


def _logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))
