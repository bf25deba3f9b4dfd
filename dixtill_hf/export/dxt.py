# SPDX-License-Identifier: Apache-2.0
"""A student in integers: the file that runs on any device. See `runtime/SPECIFICATION.md`."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dixtill_hf.export.container_writer import container, labels_section, words_section
from dixtill_hf.export.float_student import FloatStudent
from dixtill_hf.export.integer_sections import (
    attention_section,
    classifier_section,
    lstm_section,
    softmax_multiplier,
)
from dixtill_hf.export.row_codes import INT8, PQ, RowCodes, blank_rows, encode_rows
from dixtill_hf.export.unicode_profile import unicode_section, unicode_tables

# In the order of the container's numbers.
_EXPLANATIONS = ("contributions", "attention")


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
    classifier, logit_bits = classifier_section(student.classifier_weight, student.classifier_bias)
    head = struct.pack(
        "<20If3I",
        0,
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
        softmax_multiplier(logit_bits, student.temperature),
        student.temperature,
        0,
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


def _sorted(student: FloatStudent) -> FloatStudent:
    """The student with its words in the order of their bytes, as the container has them."""
    order = sorted(range(len(student.words)), key=lambda i: student.words[i].encode("utf-8"))
    further = range(1 + len(student.words), len(student.vectors))
    rows = [0, *(1 + i for i in order), *further]
    return replace(
        student, words=tuple(student.words[i] for i in order), vectors=student.vectors[rows]
    )
