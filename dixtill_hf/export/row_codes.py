# SPDX-License-Identifier: Apache-2.0
"""Word vectors in few bits: int8, int4 with learned levels, or product-quantised.

Each kind stores a 16-bit scale a row and small codes; section 6 of `runtime/SPECIFICATION.md`.
Vectors are turned before they are rounded, so that an error matters as little as possible to the
gates that read them: see `matched_basis`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dixtill_hf.export.float_student import Floats, FloatStudent

INT8, INT4, PQ = 0, 1, 2
_MOST_SCALE = 65_535
_MOST_LEVEL = 127
# Dimensions of a product-quantised code, the most that is tried.
_CODE_WIDTH = 5
_ROUNDS = 25
# A byte has room for 256. The last 16 cost 800 bytes and bring nothing that can be measured.
_CENTROIDS = 240
# Of vectors that are all zero.
_LEAST_UNIT = 1e-30
# Share of a metric's mean that is added to its diagonal, so that it can be inverted.
_DAMPING = 1e-3


@dataclass(frozen=True)
class RowCodes:
    """The rows of the word vectors in few bits.

    Attributes:
        kind: INT8, INT4 or PQ.
        scales: `(rows, 1)`, 16 bits.
        levels: `(codes, centroids, width)` for PQ, `(16,)` for INT4, empty for INT8; 8 bits.
        codes: `(rows, codes)`.
        unit: What one unit of the decoded 16-bit vectors is in the student's turned vectors.
        basis: Turns decoded vectors back, `(dimensions, dimensions)`: the LSTM's weights of the
            input are multiplied by it.
    """

    kind: int
    scales: NDArray[np.int64]
    levels: NDArray[np.int64]
    codes: NDArray[np.int64]
    unit: float
    basis: Floats

    @property
    def values(self) -> NDArray[np.int64]:
        """The 8-bit number behind each dimension of each row, `(rows, dimensions)`."""
        if self.kind == INT8:
            return self.codes
        if self.kind == INT4:
            return self.levels[self.codes]
        picked = self.levels[np.arange(self.codes.shape[1]), self.codes]
        return picked.reshape(len(self.codes), -1)

    def section(self) -> bytes:
        """Section `ROWS`."""
        parts = [self.scales.astype("<u2").tobytes()]
        if self.kind != INT8:
            parts.append(self.levels.astype("i1").tobytes())
        if self.kind == INT8:
            parts.append(self.codes.astype("i1").tobytes())
        elif self.kind == INT4:
            even = np.pad(self.codes, ((0, 0), (0, self.codes.shape[1] % 2)))
            parts.append((even[:, ::2] | even[:, 1::2] << 4).astype("u1").tobytes())
        else:
            parts.append(self.codes.astype("u1").tobytes())
        return b"".join(part + bytes(-len(part) % 4) for part in parts)


def matched_basis(student: FloatStudent, share: float = 1.0) -> tuple[Floats, Floats]:
    """Two matrices A and B, inverse to each other: vectors become `vectors @ A`, weights `W @ B`.

    A is the square root of W'W, W the input weights of both directions: an error of the turned
    vectors is then as large as the error that it makes in the gates. A little of the unit matrix
    is mixed in, so that B does not blow up what the gates hardly read.

    Args:
        student: The student.
        share: Power of that matrix. 1 if only the vectors lose by rounding; 0.5 shares the loss
            between vectors and weights.
    """
    weights = np.vstack([direction.input_weight for direction in student.directions])
    values, axes = np.linalg.eigh(weights.T @ weights)
    lengths = np.sqrt(np.maximum(values, values.max() * 1e-3)) ** share
    return axes * lengths @ axes.T, axes / lengths @ axes.T


def encode_rows(student: FloatStudent, bits: str) -> RowCodes:
    """Round the vectors of a student.

    Args:
        student: The student.
        bits: `"8"`, `"4"` or `"pq"`.

    Raises:
        ValueError: `bits` is another.
    """
    if bits not in ENCODERS:
        raise ValueError(f"bits must be one of {', '.join(ENCODERS)}, got {bits!r}.")
    return ENCODERS[bits](student)


def blank_rows(student: FloatStudent, bits: str) -> RowCodes:
    """Rows of the right sizes that hold nothing, to know how large a file will be."""
    rows, dimensions = student.vectors.shape
    kind = list(ENCODERS).index(bits)
    width = _code_width(dimensions) if kind == PQ else 1
    codes = np.zeros((rows, dimensions // width), np.int64)
    shapes = {INT8: (0,), INT4: (16,), PQ: (dimensions // width, min(_CENTROIDS, rows), width)}
    levels = np.zeros(shapes[kind], np.int64)
    return RowCodes(kind, np.zeros((rows, 1), np.int64), levels, codes, 0.0, np.eye(dimensions))


def _code_width(dimensions: int) -> int:
    """Dimensions of a product-quantised code: the most up to 5 that divide all of them."""
    return max(width for width in range(1, _CODE_WIDTH + 1) if dimensions % width == 0)


def round_with_feedback(
    values: Floats,
    metric: Floats,
    nearest: Callable[[Floats], tuple[NDArray[np.int64], Floats]],
) -> NDArray[np.int64]:
    """Round column by column; the columns to come make up for the error, as far as they can.

    As GPTQ does (Frantar et al. 2023, arXiv:2210.17323, section 3): what counts is not the error
    of a number but that of the products that are made of a row.

    Args:
        values: `(rows, columns)`.
        metric: The error of a row e counts as `e @ metric @ e`, `(columns, columns)`.
        nearest: Gives the codes of a column, and the numbers that they stand for.

    Returns:
        The codes, `(rows, columns)`.
    """
    columns = values.shape[1]
    damping = _DAMPING * np.trace(metric) / columns + _LEAST_UNIT
    inverse = np.linalg.inv(metric + damping * np.eye(columns))
    shares = np.linalg.cholesky(inverse).T
    left = values.copy()
    codes = np.empty(values.shape, np.int64)
    for column in range(columns):
        codes[:, column], rounded = nearest(left[:, column])
        errors = (left[:, column] - rounded) / shares[column, column]
        left[:, column + 1 :] -= errors[:, None] * shares[column, column + 1 :]
    return codes


def _gate_metric(student: FloatStudent, basis: Floats) -> Floats:
    """How much an error of a turned vector counts: the square of what it does to all gates."""
    weights = np.vstack([direction.input_weight for direction in student.directions]) @ basis
    return weights.T @ weights


def _int8(student: FloatStudent) -> RowCodes:
    vectors, basis = _mixed(student)
    scales, unit = _scales(np.abs(vectors).max(axis=1) / _MOST_LEVEL)
    steps = np.maximum(scales[:, 0] * unit / 256, _LEAST_UNIT)

    def nearest(column: Floats) -> tuple[NDArray[np.int64], Floats]:
        codes = np.clip(np.rint(column / steps), -_MOST_LEVEL, _MOST_LEVEL).astype(np.int64)
        return codes, codes.astype(np.float64) * steps

    codes = round_with_feedback(vectors, _gate_metric(student, basis), nearest)
    codes[scales[:, 0] == 0] = 0
    return RowCodes(INT8, scales, np.zeros(0, np.int64), codes, unit, basis)


def _int4(student: FloatStudent) -> RowCodes:
    """Sixteen levels for all, a scale for each row: both fitted in turns to the least error."""
    vectors, basis = _mixed(student)
    steps = np.abs(vectors).max(axis=1, keepdims=True) / 2.5
    steps[steps == 0] = 1
    levels = np.linspace(-2.5, 2.5, 16)
    for _ in range(_ROUNDS):
        codes = _nearest(vectors / steps, levels)
        chosen = levels[codes]
        steps = _fitted_scales(vectors, chosen, steps)
        weight = np.broadcast_to(steps**2, vectors.shape)
        total = np.bincount(codes.ravel(), (weight * vectors / steps).ravel(), 16)
        count = np.bincount(codes.ravel(), weight.ravel(), 16)
        levels = np.sort(np.where(count > 0, total / np.maximum(count, 1e-300), levels))
    draft = _finish(vectors, basis, INT4, levels, steps, _nearest)
    steps = draft.scales[:, 0] * draft.unit / 256
    safe = np.where(steps > 0, steps, 1)

    def nearest(column: Floats) -> tuple[NDArray[np.int64], Floats]:
        codes = _nearest(column / safe, draft.levels.astype(float))
        return codes, draft.levels[codes] * steps

    codes = round_with_feedback(vectors, _gate_metric(student, basis), nearest)
    return replace(draft, codes=codes)


def _product_quantized(student: FloatStudent) -> RowCodes:
    """A few codes a row, each one of 240 centroids of some dimensions."""
    from sklearn.cluster import KMeans

    forth, basis = matched_basis(student)
    vectors = student.vectors @ forth
    width = _code_width(student.dimensions)
    spread = _balanced_axes(vectors, width)
    vectors, basis = vectors @ spread, basis @ spread
    steps = np.sqrt((vectors**2).mean(axis=1, keepdims=True))
    steps[steps == 0] = 1
    parts = (vectors / steps).reshape(len(vectors), -1, width)
    centroids = min(_CENTROIDS, len(vectors))
    levels = np.stack(
        [
            KMeans(centroids, n_init=1, max_iter=50, random_state=0)
            .fit(parts[:, code], sample_weight=steps[:, 0] ** 2)
            .cluster_centers_
            for code in range(parts.shape[1])
        ]
    )
    return _finish(vectors, basis, PQ, levels, steps, _nearest_centroids)


ENCODERS: dict[str, Callable[[FloatStudent], RowCodes]] = {
    "8": _int8,
    "4": _int4,
    "pq": _product_quantized,
}
"""Kinds of rows by the name that the user types."""


def _mixed(student: FloatStudent) -> tuple[Floats, Floats]:
    """Vectors and basis for codes of one dimension each: turned at random after `matched_basis`.

    What is large in one dimension is then spread over all, so a row's scale is smaller (as the
    random rotations of Chee et al. 2023 do for the weights of language models).
    """
    forth, back = matched_basis(student, share=0.5)
    normal = np.random.default_rng(0).standard_normal(forth.shape)
    rotation = np.linalg.qr(normal).Q
    return student.vectors @ forth @ rotation, back @ rotation


def _finish(
    vectors: Floats,
    basis: Floats,
    kind: int,
    levels: Floats,
    steps: Floats,
    nearest: Callable[[Floats, Floats], NDArray[np.int64]],
) -> RowCodes:
    """Round levels and scales, and choose codes and scales once more for what they became."""
    factor = np.abs(levels).max() / _MOST_LEVEL
    rounded = np.rint(levels / factor).astype(np.int64)
    steps = steps * factor
    codes = nearest(vectors / steps, rounded.astype(float))
    draft = RowCodes(kind, np.zeros(0, np.int64), rounded, codes, 1.0, basis)
    steps = _fitted_scales(vectors, draft.values.astype(float), steps)[:, 0]
    scales, unit = _scales(np.where(vectors.any(axis=1), steps, 0))
    return RowCodes(kind, scales, rounded, codes, unit, basis)


def _scales(steps: Floats) -> tuple[NDArray[np.int64], float]:
    """Scales of 16 bits, `(rows, 1)`, and the unit of the decoded vectors.

    A decoded number is about `code * scale / 256`, so the largest scale is `256 * step / unit`.
    """
    unit = max(256 * float(steps.max()) / _MOST_SCALE, _LEAST_UNIT)
    return np.rint(steps * 256 / unit).astype(np.int64)[:, None], unit


def _fitted_scales(vectors: Floats, values: Floats, otherwise: Floats) -> Floats:
    """The scale of each row that makes `scale * values` nearest to it, `(rows, 1)`."""
    squares = (values * values).sum(axis=1, keepdims=True)
    fitted = (vectors * values).sum(axis=1, keepdims=True) / np.maximum(squares, 1e-300)
    return np.where((squares > 0) & (fitted > 0), fitted, otherwise)


def _nearest(values: Floats, levels: Floats) -> NDArray[np.int64]:
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, values).astype(np.int64)


def _nearest_centroids(vectors: Floats, levels: Floats) -> NDArray[np.int64]:
    parts = vectors.reshape(len(vectors), len(levels), -1)
    codes = [
        ((levels[code] ** 2).sum(axis=1) - 2 * parts[:, code] @ levels[code].T).argmin(axis=1)
        for code in range(len(levels))
    ]
    return np.stack(codes, axis=1).astype(np.int64)


def _balanced_axes(vectors: Floats, width: int) -> Floats:
    """Principal axes dealt to the codes so that each has its share of the variance.

    As the parametric form of optimised product quantisation does (Ge et al. 2013).
    """
    values, axes = np.linalg.eigh(vectors.T @ vectors / len(vectors))
    codes: list[list[int]] = [[] for _ in range(len(values) // width)]
    shares = np.zeros(len(codes))
    for axis in np.argsort(-values):
        open_codes = [code for code in range(len(codes)) if len(codes[code]) < width]
        code = min(open_codes, key=lambda code: shares[code])
        codes[code].append(int(axis))
        shares[code] += np.log(max(values[axis], 1e-12))
    return axes[:, [axis for code in codes for axis in code]]
