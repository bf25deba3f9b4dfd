# SPDX-License-Identifier: Apache-2.0
"""Section `HEAD` of a `.dxt` file: sizes, kinds and scalar multipliers, each within its range."""

from __future__ import annotations

import struct
from typing import NamedTuple

from dixtill_runtime.errors import ContainerError

MOST_LITERALS = 16
PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")
EXPLANATIONS = ("contributions", "attention")
ROW_KINDS = ("int8", "int4", "pq")
ONE = 1 << 24
"""A probability of 1, Q24."""
_HEAD = struct.Struct("<20If3I")


class Head(NamedTuple):
    """The numbers of section `HEAD`, in their order; see section 3 of the specification."""

    problem_type: int
    labels: int
    words: int
    rows: int
    dimensions: int
    hidden: int
    attention: int
    word_limit: int
    explanation: int
    cell: int
    layers: int
    directions: int
    row_kind: int
    scales: int
    codes: int
    centroids: int
    logit_bits: int
    score_bits: int
    attention_multiplier: int
    probability_multiplier: int
    temperature: float
    answer_threshold: int = 0

    def pack(self) -> bytes:
        """The section's bytes."""
        return _HEAD.pack(*self, 0, 0)


def read_head(data: memoryview) -> Head:
    """Read section `HEAD`.

    Args:
        data: Its bytes.

    Raises:
        ContainerError: It has another size, or a number is out of its range.
    """
    if len(data) != _HEAD.size:
        raise ContainerError(f"Section HEAD has {len(data)} bytes, not {_HEAD.size}.")
    *fields, zero1, zero2 = _HEAD.unpack(data)
    head = Head(*fields)
    classes = head.problem_type == 0
    ranges = {
        "problem_type": (0, len(PROBLEMS) - 1),
        "labels": (2 if classes else 1, 65_535),
        "words": (1, 1 << 24),
        "rows": (head.words + 1, head.words + 1 + MOST_LITERALS),
        "dimensions": (1, 511),
        "hidden": (1, 255),
        "attention": (1, 4_096),
        "word_limit": (1, 65_535),
        "explanation": (0, len(EXPLANATIONS) - 1),
        "cell": (0, 0),
        "layers": (1, 1),
        "directions": (2, 2),
        "row_kind": (0, len(ROW_KINDS) - 1),
        "scales": (1, head.dimensions),
        "codes": (1, head.dimensions),
        "centroids": ((0, 0), (16, 16), (1, 256))[min(head.row_kind, 2)],
        "logit_bits": (0, 31),
        "score_bits": (0, 31),
        "attention_multiplier": (0, (1 << 31) - 1),
        "probability_multiplier": (0, (1 << 31) - 1),
        "answer_threshold": (0, ONE if classes else 0),
    }
    for name, (low, high) in ranges.items():
        value = getattr(head, name)
        if not low <= value <= high:
            raise ContainerError(f"HEAD: {name} must be from {low} to {high}, got {value}.")
    if head.dimensions % head.scales or head.dimensions % head.codes:
        raise ContainerError("HEAD: scales and codes must divide the dimensions.")
    if head.row_kind < 2 and head.codes != head.dimensions:
        raise ContainerError("HEAD: codes must equal the dimensions, except product-quantised.")
    if not 0 < head.temperature < float("inf") or zero1 or zero2:
        raise ContainerError(f"HEAD is damaged: temperature {head.temperature}.")
    return head
