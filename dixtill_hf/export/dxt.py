# SPDX-License-Identifier: Apache-2.0
"""A student in integers: the `.dxt` file that runs on any device.

The format, and the arithmetic that reads its numbers, are defined in `runtime/SPECIFICATION.md`.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dixtill_hf.export.float_student import (
    LONGEST_WORD,
    ONE_LABEL,
    PROBLEM_TYPES,
    SEVERAL_LABELS,
    DirectionWeights,
    Floats,
    FloatStudent,
)
from dixtill_hf.export.row_codes import (
    INT8,
    PQ,
    RowCodes,
    blank_rows,
    encode_rows,
    round_with_feedback,
)
from dixtill_hf.export.unicode_profile import unicode_section, unicode_tables

_MAGIC = b"\x89DXT\r\n\x1a\n"
_VERSION = (1, 0)
_ALIGNMENT = 16
_HEADER_SIZE, _ENTRY_SIZE = 32, 16
_BLOCK = 16
_MOST_SIZE = (1 << 31) - 1
Integers = NDArray[np.int64]
_MOST_WEIGHT = 127
_MOST_SUM = 65_535  # of the magnitudes of a 16-bit row
_MOST_MULTIPLIER = (1 << 31) - 1
_MOST_BIAS = 1 << 30
_GATE_BITS, _STATE_BITS, _SHIFT = 12, 15, 31
# In the order of the container's numbers.
_EXPLANATIONS = ("contributions", "attention")


def container(sections: Mapping[str, bytes]) -> bytes:
    """A whole file.

    Args:
        sections: The bytes of each section by its tag, in the order of the file.

    Raises:
        ValueError: The file would be larger than 2 GiB.
    """
    place = _HEADER_SIZE + _ENTRY_SIZE * len(sections)
    table, body = b"", b""
    for tag, data in sections.items():
        gap = -(place + len(body)) % _ALIGNMENT
        body += bytes(gap)
        table += struct.pack("<4sIII", tag.encode("ascii"), place + len(body), len(data), 0)
        body += data
    size = place + len(body)
    if size > _MOST_SIZE:
        raise ValueError(f"A device student has at most {_MOST_SIZE} bytes, this one {size}.")
    checked = struct.pack("<I8s", len(sections), b"") + table + body
    return struct.pack("<8sHHII", _MAGIC, *_VERSION, size, zlib.crc32(checked)) + checked


def labels_section(labels: Sequence[str]) -> bytes:
    """Section `LABL`."""
    names = [label.encode("utf-8") for label in labels]
    ends = [sum(map(len, names[: i + 1])) for i in range(len(names))]
    return struct.pack(f"<{len(ends)}I", *ends) + b"".join(names)


def words_section(words: Sequence[bytes]) -> bytes:
    """Section `WORD`: the words front-coded in blocks.

    Args:
        words: UTF-8, rising, none longer than 255 bytes.
    """
    starts, data, before = [], bytearray(), b""
    for index, word in enumerate(words):
        if not before < word or len(word) > LONGEST_WORD:
            raise ValueError(f"Word {index} is out of order or longer than {LONGEST_WORD} bytes.")
        prefix = 0
        if index % _BLOCK == 0:
            starts.append(len(data))
        else:
            most = min(15, len(before), len(word) - 1)
            while prefix < most and before[prefix] == word[prefix]:
                prefix += 1
        rest = word[prefix:]
        data += bytes([prefix << 4 | len(rest)] if len(rest) < 16 else [prefix << 4, len(rest)])
        data += rest
        before = word
    header = struct.pack(f"<II{len(starts)}I", len(words), len(starts), *starts)
    return header + bytes(data)


def lstm_section(directions: Sequence[DirectionWeights], rows: RowCodes) -> bytes:
    """Section `LSTM`.

    Raises:
        ValueError: Weights or vectors are too large for the multipliers.
    """
    # An error of the input weights counts by what the vectors make of it.
    vectors = (rows.values * rows.scales).astype(float)
    metric = vectors.T @ vectors
    parts: list[bytes] = []
    for direction in directions:
        inputs, input_steps = _int8_rows(direction.input_weight @ rows.basis, metric)
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


def classifier_section(
    weight: Floats, bias: Floats, thresholds: Sequence[float] = ()
) -> tuple[bytes, int]:
    """Section `CLSF`, and the logits' fractional bits.

    Args:
        weight: `(labels, 2 * hidden)`.
        bias: `(labels,)`.
        thresholds: Probability from which on a text has each label; empty unless a text may have
            several.

    Raises:
        ValueError: A bias is too large compared with the weights.
    """
    rounded, weight_bits = _int16_rows(weight)
    bits = weight_bits + 7
    integers = np.rint(bias * (1 << bits))
    if np.abs(integers).max() > _MOST_BIAS:
        raise ValueError(
            f"The classifier's largest bias, {np.abs(bias).max():.3g}, is too large compared "
            "with its weights for a device student. Export it with --target onnx."
        )
    section = _packed("i4", integers) + _packed("i2", rounded)
    return section + _packed("u4", probabilities_q24(thresholds)), bits


def probabilities_q24(probabilities: Sequence[float]) -> Integers:
    """Probabilities in 24 fractional bits, as thresholds are stored."""
    return np.rint(np.asarray(probabilities, dtype=float) * (1 << 24)).astype(np.int64)


def sigmoid_multiplier(bits: int, temperature: float = 1.0) -> int:
    """The multiplier of a sigmoid of numbers with so many fractional bits.

    Raises:
        ValueError: The numbers are too coarse, or the temperature is too low.
    """
    return _checked_multiplier(2.0 ** (43 - bits) / temperature, "sigmoid", bits, temperature)


def softmax_multiplier(bits: int, temperature: float = 1.0) -> int:
    """The multiplier of a softmax over numbers with so many fractional bits.

    Raises:
        ValueError: The numbers are too coarse, or the temperature is too low.
    """
    multiplier = math.log2(math.e) * 2.0 ** (44 - bits) / temperature
    return _checked_multiplier(multiplier, "softmax", bits, temperature)


def _checked_multiplier(multiplier: float, function: str, bits: int, temperature: float) -> int:
    if round(multiplier) > _MOST_MULTIPLIER:
        raise ValueError(
            f"A {function} of numbers of {bits} fractional bits at temperature {temperature} is "
            "out of a device student's range. Export it with --target onnx."
        )
    return round(multiplier)


def _int8_rows(weights: Floats, metric: Floats | None = None) -> tuple[Integers, Floats]:
    """Weights in 8 bits with a step for each row, `(rows, columns)` and `(rows,)`.

    Args:
        weights: `(rows, columns)`.
        metric: As `round_with_feedback` takes it. Without it, every number is rounded by itself.
    """
    steps = np.abs(weights).max(axis=1) / _MOST_WEIGHT
    safe = np.where(steps > 0, steps, 1)

    def nearest(column: Floats) -> tuple[Integers, Floats]:
        codes = np.clip(np.rint(column / safe), -_MOST_WEIGHT, _MOST_WEIGHT).astype(np.int64)
        return codes, codes.astype(np.float64) * safe

    if metric is None:
        return np.rint(weights / safe[:, None]).astype(np.int64), steps
    return round_with_feedback(weights, metric, nearest), steps


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


def student_bytes(
    student: FloatStudent, bits: str = "8", meta: Mapping[str, Any] | None = None
) -> bytes:
    """Round a student to integers and write it as a `.dxt` file.

    Args:
        student: The student.
        bits: What a word vector is rounded to: `"8"` or `"4"` bits a number, or `"pq"`, codes of
            256 centroids.
        meta: Record of what was measured, sources and licences.

    Raises:
        ValueError: The student has something that a device cannot carry.
    """
    student = _sorted(student)
    return _file(student, encode_rows(student, bits), unicode_of(student), meta)


def student_size(
    student: FloatStudent, bits: str, unicode: bytes, meta: Mapping[str, Any] | None = None
) -> int:
    """The bytes of the file that `student_bytes` writes, without fitting any codes.

    Args:
        student: The student.
        bits: What a word vector is rounded to.
        unicode: What `unicode_of` gave for the student, or for one with more words; the size is
            then an upper bound.
        meta: The record.
    """
    student = _sorted(student)
    return len(_file(student, blank_rows(student, bits), unicode, meta))


def unicode_of(student: FloatStudent) -> bytes:
    """Section `UNIC`."""
    tables = unicode_tables().for_words(student.words)
    return unicode_section(tables, student.splits_words, student.literals)


def _file(
    student: FloatStudent, rows: RowCodes, unicode: bytes, meta: Mapping[str, Any] | None
) -> bytes:
    """The whole file of a student whose words are sorted."""
    attention, score_bits = attention_section(student.attention_weight, student.attention_vector)
    classifier, logit_bits = classifier_section(
        student.classifier_weight, student.classifier_bias, student.thresholds
    )
    head = struct.pack(
        "<20IfI2I",
        PROBLEM_TYPES.index(student.problem_type),
        len(student.labels),
        len(student.words),
        len(student.vectors),
        student.dimensions,
        student.directions[0].state_weight.shape[1],
        len(student.attention_vector),
        student.word_limit,
        _EXPLANATIONS.index(student.explanation),
        0,
        1,
        2,
        rows.kind,
        rows.scales.shape[1],
        rows.codes.shape[1],
        0 if rows.kind == INT8 else rows.levels.shape[1] if rows.kind == PQ else len(rows.levels),
        logit_bits,
        score_bits,
        softmax_multiplier(score_bits),
        _probability_multiplier(student, logit_bits),
        student.temperature,
        int(probabilities_q24([student.answer_threshold])[0]),
        0,
        0,
    )
    sections = {
        "HEAD": head,
        "LABL": labels_section(student.labels),
        "UNIC": unicode,
        "WORD": words_section([word.encode("utf-8") for word in student.words]),
        "ROWS": rows.section(),
        "LSTM": lstm_section(student.directions, rows),
        "ATTN": attention,
        "CLSF": classifier,
    }
    sizes = {tag: len(data) for tag, data in sections.items()}
    record = {**(meta or {}), "bytes": sizes}
    sections["meta"] = json.dumps(record, ensure_ascii=False, sort_keys=True).encode("utf-8")
    return container(sections)


def _probability_multiplier(student: FloatStudent, logit_bits: int) -> int:
    if student.problem_type == ONE_LABEL:
        return softmax_multiplier(logit_bits, student.temperature)
    if student.problem_type == SEVERAL_LABELS:
        return sigmoid_multiplier(logit_bits, student.temperature)
    return 0


def _sorted(student: FloatStudent) -> FloatStudent:
    """The student with its words in the order of their bytes, as the container has them."""
    order = sorted(range(len(student.words)), key=lambda i: student.words[i].encode("utf-8"))
    further = range(1 + len(student.words), len(student.vectors))
    rows = [0, *(1 + i for i in order), *further]
    return replace(
        student, words=tuple(student.words[i] for i in order), vectors=student.vectors[rows]
    )
