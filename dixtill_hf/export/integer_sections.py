# SPDX-License-Identifier: Apache-2.0
"""A student's LSTM, attention and linear layer in integers, as the sections of a container.

The arithmetic that reads these numbers is defined in `runtime/SPECIFICATION.md`, sections 7 to 9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dixtill_hf.export.float_student import DirectionWeights, Floats
from dixtill_hf.export.row_codes import RowCodes

Integers = NDArray[np.int64]

_MOST_WEIGHT = 127
_MOST_SUM = 65_535  # of the magnitudes of a 16-bit row
_MOST_MULTIPLIER = (1 << 31) - 1
_MOST_BIAS = 1 << 30
_GATE_BITS, _STATE_BITS, _SHIFT = 12, 15, 31


def lstm_section(directions: Sequence[DirectionWeights], rows: RowCodes) -> bytes:
    """Section `LSTM`.

    Raises:
        ValueError: Weights or vectors are too large for the multipliers.
    """
    parts: list[bytes] = []
    for direction in directions:
        inputs, input_steps = _int8_rows(direction.input_weight @ rows.basis)
        states, state_steps = _int8_rows(direction.state_weight)
        parts += [
            _packed("i4", np.rint(direction.bias * (1 << _GATE_BITS))),
            _packed("i4", _multipliers(input_steps * rows.unit)),
            _packed("i4", _multipliers(state_steps / (1 << _STATE_BITS))),
            _packed("i1", inputs),
            _packed("i1", states),
        ]
    return b"".join(parts)


def attention_section(weight: Floats, vector: Floats) -> tuple[bytes, int]:
    """Section `ATTN`, and the fractional bits of the scores.

    Raises:
        ValueError: The weights are too large for the multipliers.
    """
    rows, steps = _int8_rows(weight)
    rounded, bits = _int16_rows(vector[None])
    section = b"".join(
        [
            _packed("i4", _multipliers(steps / (1 << _STATE_BITS))),
            _packed("i2", rounded[0]),
            _packed("i1", rows),
        ]
    )
    return section, bits + _STATE_BITS


def classifier_section(weight: Floats, bias: Floats) -> tuple[bytes, int]:
    """Section `CLSF` of a student that gives a text one label, and the logits' fractional bits.

    Raises:
        ValueError: A bias is too large beside the weights.
    """
    rounded, weight_bits = _int16_rows(weight)
    bits = weight_bits + 7
    integers = np.rint(bias * (1 << bits))
    if np.abs(integers).max() > _MOST_BIAS:
        raise ValueError(
            f"The classifier's largest bias, {np.abs(bias).max():.3g}, is too large beside its "
            "weights for a device student. Export it with --target onnx."
        )
    return _packed("i4", integers) + _packed("i2", rounded), bits


def softmax_multiplier(bits: int, temperature: float = 1.0) -> int:
    """The multiplier of a softmax over numbers with so many fractional bits.

    Raises:
        ValueError: The numbers are too coarse, or the temperature is too low.
    """
    multiplier = round(math.log2(math.e) * 2.0 ** (44 - bits) / temperature)
    if multiplier > _MOST_MULTIPLIER:
        raise ValueError(
            f"A softmax over numbers of {bits} fractional bits at temperature {temperature} is "
            "out of a device student's range. Export it with --target onnx."
        )
    return multiplier


def _int8_rows(weights: Floats) -> tuple[Integers, Floats]:
    """Weights in 8 bits with a step for each row, `(rows, columns)` and `(rows,)`."""
    steps = np.abs(weights).max(axis=1) / _MOST_WEIGHT
    safe = np.where(steps > 0, steps, 1)
    return np.rint(weights / safe[:, None]).astype(np.int64), steps


def _int16_rows(weights: Floats) -> tuple[Integers, int]:
    """Weights in 16 bits with one power of two as step, `(rows, columns)`, and its exponent.

    The magnitudes of a row sum to at most 65,535, so a product with 16-bit states fits 32 bits.
    """
    largest = np.abs(weights).sum(axis=1).max()
    bits = 16 if largest == 0 else min(16, math.floor(math.log2(_MOST_SUM / largest)))
    while bits >= 0:
        rounded = np.rint(weights * 2.0**bits).astype(np.int64)
        if np.abs(rounded).sum(axis=1).max() <= _MOST_SUM and np.abs(rounded).max() < 1 << 15:
            return rounded, bits
        bits -= 1
    raise ValueError(
        f"The weights of a row sum to {largest:.3g}, too much for a device student. Export it "
        "with --target onnx."
    )


def _multipliers(steps: Floats) -> Integers:
    """Multipliers that turn a sum of products into Q12 after a shift by 31."""
    multipliers = np.rint(steps * 2.0 ** (_GATE_BITS + _SHIFT)).astype(np.int64)
    if multipliers.max() > _MOST_MULTIPLIER:
        raise ValueError(
            "The student's weights or word vectors are too large for a device student. Export it "
            "with --target onnx."
        )
    return multipliers


def _packed(kind: str, values: Floats | Integers) -> bytes:
    data = np.asarray(values).astype(f"<{kind}").tobytes()
    return data + bytes(-len(data) % 4)
