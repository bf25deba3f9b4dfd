# SPDX-License-Identifier: Apache-2.0
"""The student in NumPy integers. It reads like sections 6 to 9 of the specification, and is slow.

Every array is int64, so nothing can overflow; the specification proves the widths that suffice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dixtill_runtime.container import Container, read_container
from dixtill_runtime.engine import Answer
from dixtill_runtime.head import EXPLANATIONS, PROBLEMS
from dixtill_runtime.predictions import Prediction, make_prediction
from dixtill_runtime.sections import SectionReader
from dixtill_runtime.tokenizer import WordTokenizer

Integers = NDArray[np.int64]

# Section 7: the sigmoid in Q15 at i / 16. Section 8: 2^(-j / 256) in Q16.
SIGMOID = np.minimum(32_767, np.rint(32_768 / (1 + np.exp(-np.arange(257) / 16)))).astype(np.int64)
EXPONENTIAL = np.rint(65_536 * 2.0 ** (-np.arange(257) / 256)).astype(np.int64)
MOST_GATE = 65_535
_Q24 = 1 << 24


def round_shift(value: Integers, bits: int) -> Integers:
    """`rs` of the specification: value / 2^bits, halves rounded up. `bits` is at least 1."""
    return (value + (1 << (bits - 1))) >> bits


def multiply_q15(a: Integers, b: Integers) -> Integers:
    """`mul15` of the specification: the product of two 16-bit numbers, in the scale of one."""
    return round_shift(a * b, 15)


def sigmoid(a: Integers) -> Integers:
    """Q12 to Q15, from 1 to 32767."""
    magnitude = np.minimum(np.abs(a), MOST_GATE)
    place, rest = magnitude >> 8, magnitude & 255
    positive = round_shift(SIGMOID[place] * (256 - rest) + SIGMOID[place + 1] * rest, 8)
    return np.where(a >= 0, positive, 32_768 - positive)


def tanh(a: Integers) -> Integers:
    """Q12 to Q15, from -32766 to 32766."""
    return 2 * sigmoid(2 * a) - 32_768


def softmax(values: Integers, multiplier: int) -> Integers:
    """Weights in Q24 of at least one value. `multiplier` turns a difference into halvings, Q44."""
    difference = (values.max() - values).astype(np.uint64)
    halvings = (difference * np.uint64(multiplier) + np.uint64(1 << 27)) >> np.uint64(28)
    whole = np.minimum(halvings >> np.uint64(16), 63).astype(np.int64)
    place = (halvings >> np.uint64(8) & np.uint64(255)).astype(np.int64)
    rest = (halvings & np.uint64(255)).astype(np.int64)
    power = EXPONENTIAL[place] * (256 - rest) + EXPONENTIAL[place + 1] * rest
    half = np.where(whole > 0, 1 << np.maximum(whole - 1, 0), 0)
    weights = np.where(whole <= 25, (power + half) >> whole, 0)
    inverse = np.uint64((1 << 56) // int(weights.sum()))
    scaled = weights.astype(np.uint64) * inverse + np.uint64(1 << 31)
    return (scaled >> np.uint64(32)).astype(np.int64)


class Direction(NamedTuple):
    """One direction of the LSTM; see section 7. Rows are input, forget, candidate, output gates."""

    bias: Integers
    input_multiplier: Integers
    state_multiplier: Integers
    input_weight: Integers
    state_weight: Integers

    def states(self, inputs: Integers) -> Integers:
        """The state behind every word, Q15, `(words, hidden)`.

        Args:
            inputs: Word vectors in the order in which this direction reads them,
                `(words, dimensions)`.
        """
        hidden = self.state_weight.shape[1]
        state, cell = np.zeros(hidden, np.int64), np.zeros(hidden, np.int64)
        states = np.zeros((len(inputs), hidden), np.int64)
        for step, vector in enumerate(inputs):
            from_input = (self.input_weight @ vector) * self.input_multiplier
            from_state = (self.state_weight @ state) * self.state_multiplier
            gates = round_shift(from_input + from_state, 31) + self.bias
            gates = np.clip(gates, -MOST_GATE, MOST_GATE).reshape(4, hidden)
            taken, kept, shown = sigmoid(gates[0]), sigmoid(gates[1]), sigmoid(gates[3])
            new = round_shift(multiply_q15(taken, tanh(gates[2])), 4)
            cell = np.clip(multiply_q15(kept, cell) + new, -32_768, 32_767)
            state = multiply_q15(shown, tanh(2 * cell))
            states[step] = state
        return states


class Network:
    """The integers behind the words: vectors, LSTM, attention, linear layer.

    Args:
        container: The student.
    """

    def __init__(self, container: Container) -> None:
        head = self.head = container.head
        sections = container.sections
        self.vectors = _vectors(SectionReader("ROWS", sections["ROWS"]), container)
        lstm = SectionReader("LSTM", sections["LSTM"])
        self.directions = [_direction(lstm, container) for _ in range(head.directions)]
        attention = SectionReader("ATTN", sections["ATTN"])
        self.attention_multiplier = _take(attention, "i4", head.attention)
        self.attention_vector = _take(attention, "i2", head.attention)
        self.attention_weight = _take(attention, "i1", head.attention, 2 * head.hidden)
        classifier = SectionReader("CLSF", sections["CLSF"])
        self.bias = _take(classifier, "i4", head.labels)
        self.weight = _take(classifier, "i2", head.labels, 2 * head.hidden)
        several = PROBLEMS[head.problem_type] == "multi_label_classification"
        self.thresholds = _take(classifier, "u4", head.labels if several else 0)

    def states(self, rows: Integers) -> Integers:
        """The states H of the words of these rows, Q15, `(words, 2 * hidden)`."""
        inputs = self.vectors[rows]
        forward, backward = self.directions
        return np.hstack([forward.states(inputs), backward.states(inputs[::-1])[::-1]])

    def scores(self, states: Integers) -> Integers:
        """Attention scores, QFs, `(words,)`."""
        energy = round_shift(states @ self.attention_weight.T * self.attention_multiplier, 31)
        return tanh(np.clip(energy, -MOST_GATE, MOST_GATE)) @ self.attention_vector

    def contributions(self, states: Integers, scores: Integers) -> Integers:
        """What each word adds to each logit, QF, `(words, labels)`."""
        if not len(scores):
            return np.zeros((0, self.head.labels), np.int64)
        weights = softmax(scores, self.head.attention_multiplier)
        return round_shift(weights[:, None] * (states @ self.weight.T), 32)

    def logits(self, contributions: Integers) -> Integers:
        """The logits, QF, `(labels,)`: defined as the bias and all contributions."""
        return self.bias + contributions.sum(axis=0)

    def probabilities(self, logits: Integers) -> Integers:
        """The probabilities, Q24, `(labels,)`; none for regression."""
        problem = PROBLEMS[self.head.problem_type]
        if problem == "single_label_classification":
            return softmax(logits, self.head.probability_multiplier)
        if problem == "multi_label_classification":
            scaled = round_shift(logits * self.head.probability_multiplier, 31)
            return 512 * sigmoid(np.clip(scaled, -MOST_GATE, MOST_GATE))
        return logits[:0]


class ReferenceEngine:
    """A student that runs in NumPy; see `engine.Engine`.

    Args:
        data: The bytes of a `.dxt` file.

    Raises:
        ContainerError: The file is damaged, foreign or of another version.
    """

    def __init__(self, data: bytes) -> None:
        container = read_container(data)
        head = container.head
        self._tokenize = WordTokenizer(container)
        self._network = Network(container)
        self.labels = container.labels
        self.problem_type = PROBLEMS[head.problem_type]
        self.explanation = EXPLANATIONS[head.explanation]
        self.logit_unit = 2.0**-head.logit_bits
        self.score_unit = 2.0**-head.score_bits
        self.thresholds = tuple((self._network.thresholds / _Q24).tolist())
        self.answer_threshold = head.answer_threshold / _Q24
        self.meta = bytes(container.sections.get("meta", b""))

    def run(self, text: str) -> Answer:
        """Classify and explain a text."""
        words, cut = self._tokenize(text)
        rows = np.array([word.row for word in words], dtype=np.int64)
        network = self._network
        states = network.states(rows)
        scores = network.scores(states)
        contributions = network.contributions(states, scores)
        logits = network.logits(contributions)
        return Answer(
            spans=[(word.start, word.end) for word in words],
            rows=rows.tolist(),
            scores=scores.tolist(),
            contributions=[tuple(row) for row in contributions.tolist()],
            logits=tuple(logits.tolist()),
            probabilities=tuple(network.probabilities(logits).tolist()),
            cut=cut,
        )

    def predict(self, text: str) -> Prediction:
        """Classify and explain a text."""
        return make_prediction(text, self.run(text), self)


def _take(reader: SectionReader, kind: str, *shape: int) -> Integers:
    """The next array of a section, as int64."""
    kind = f"<{kind}"
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    return np.frombuffer(reader.take(size), kind).reshape(shape).astype(np.int64)


def _vectors(reader: SectionReader, container: Container) -> Integers:
    """The input vectors of all rows, i16, `(rows, dimensions)`; see section 6."""
    head = container.head
    scales = np.repeat(
        _take(reader, "u2", head.rows, head.scales), head.dimensions // head.scales, 1
    )
    if head.row_kind == 0:
        values = _take(reader, "i1", head.rows, head.dimensions)
    elif head.row_kind == 1:
        levels = _take(reader, "i1", head.centroids)
        packed = _take(reader, "u1", head.rows, -(-head.dimensions // 2))
        codes = np.stack([packed & 15, packed >> 4], axis=2).reshape(head.rows, -1)
        values = levels[codes[:, : head.dimensions]]
    else:
        centroids = _take(reader, "i1", head.codes, head.centroids, head.dimensions // head.codes)
        codes = _take(reader, "u1", head.rows, head.codes)
        values = centroids[np.arange(head.codes), codes].reshape(head.rows, -1)
    return round_shift(values * scales, 8)


def _direction(reader: SectionReader, container: Container) -> Direction:
    head = container.head
    gates = 4 * head.hidden
    return Direction(
        bias=_take(reader, "i4", gates),
        input_multiplier=_take(reader, "i4", gates),
        state_multiplier=_take(reader, "i4", gates),
        input_weight=_take(reader, "i1", gates, head.dimensions),
        state_weight=_take(reader, "i1", gates, head.hidden),
    )
