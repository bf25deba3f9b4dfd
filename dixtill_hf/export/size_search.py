# SPDX-License-Identifier: Apache-2.0
"""Ways to fit a student into so many bytes: bits, dimensions, and how many words it knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dixtill_hf.export.dxt import student_size, unicode_of
from dixtill_hf.export.float_student import FloatStudent
from dixtill_hf.export.row_codes import matched_basis

# Shares of the dimensions that are tried, and the least share of the words.
_DIMENSIONS = (1.0, 0.8, 0.6, 0.4, 0.2)
_LEAST_WORDS = 0.1
# The record of what was measured, which is written last.
_MEASUREMENT_ROOM = 512


@dataclass(frozen=True)
class Choice:
    """A way to round a student.

    Attributes:
        student: The student, with the words and dimensions that are kept.
        bits: Of its word vectors.
    """

    student: FloatStudent
    bits: str


def choices_within(
    student: FloatStudent, kinds: Sequence[str], max_bytes: int, meta: Mapping[str, Any]
) -> list[Choice]:
    """For all bits and dimensions, the student with as many words as fit.

    Args:
        student: The whole student.
        kinds: Bits to try.
        max_bytes: Most bytes of the file.
        meta: Its record, without what is measured.

    Raises:
        ValueError: None fits; the message has the smallest size that can be met.
    """
    least = max(1, round(_LEAST_WORDS * len(student.words)))
    unicode = unicode_of(student)

    def size(choice: Choice) -> int:
        return student_size(choice.student, choice.bits, unicode, meta) + _MEASUREMENT_ROOM

    choices, smallest = [], []
    for dimensions in _dimension_steps(student.dimensions):
        narrow = with_dimensions(student, dimensions)
        for bits in kinds:
            smallest.append(size(Choice(narrow.with_words(least), bits)))
            if smallest[-1] <= max_bytes:
                choices.append(_with_most_words(Choice(narrow, bits), size, max_bytes, least))
    if not choices:
        raise ValueError(
            f"max_bytes={max_bytes:,} cannot be met: with {'/'.join(kinds)} bits, a tenth of the "
            f"words and a fifth of the dimensions this student has {min(smallest):,} bytes. Allow "
            "as many, or train a smaller student (hidden_size, embedding_size)."
        )
    return [choice for choice in choices if not _is_dominated(choice, choices)]


def with_dimensions(student: FloatStudent, dimensions: int) -> FloatStudent:
    """The student with fewer dimensions of its word vectors: those that its gates read most.

    The vectors are projected on their principal components after `matched_basis`, so the gates
    change as little as possible; the input weights absorb the projection.
    """
    if dimensions == student.dimensions:
        return student
    forth, back = matched_basis(student)
    turned = student.vectors @ forth
    _, _, axes = np.linalg.svd(turned, full_matrices=False)
    kept = axes[:dimensions].T
    forward, backward = (
        direction._replace(input_weight=direction.input_weight @ back @ kept)
        for direction in student.directions
    )
    return replace(student, vectors=turned @ kept, directions=(forward, backward))


def _dimension_steps(dimensions: int) -> list[int]:
    """Dimensions to try, multiples of 5 if there are as many: codes of 5 dimensions divide them."""
    unit = 5 if dimensions % 5 == 0 else 1
    steps = {max(unit, round(share * dimensions / unit) * unit) for share in _DIMENSIONS}
    return sorted(steps, reverse=True)


def _with_most_words(
    choice: Choice, size: Callable[[Choice], int], max_bytes: int, least: int
) -> Choice:
    """The choice with as many words as fit, found by halving; `least` of them are known to."""
    low, high = least, len(choice.student.words)
    while low < high:
        middle = (low + high + 1) // 2
        if size(Choice(choice.student.with_words(middle), choice.bits)) <= max_bytes:
            low = middle
        else:
            high = middle - 1
    return Choice(choice.student.with_words(low), choice.bits)


def _is_dominated(choice: Choice, others: Sequence[Choice]) -> bool:
    """Whether another has the same bits, as many words and more dimensions."""
    return any(
        other.bits == choice.bits
        and len(other.student.words) >= len(choice.student.words)
        and other.student.dimensions > choice.student.dimensions
        for other in others
    )
