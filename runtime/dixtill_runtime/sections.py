# SPDX-License-Identifier: Apache-2.0
"""Reads the sections of a `.dxt` file, and checks each by the rules of the specification."""

from __future__ import annotations

import struct
from array import array
from itertools import accumulate, pairwise

from dixtill_runtime.errors import ContainerError
from dixtill_runtime.head import MOST_LITERALS, ONE, PROBLEMS, Head

BLOCK = 16
MOST_WEIGHT = 65_535
"""Largest sum of the magnitudes of an i16 row."""


class SectionReader:
    """Takes arrays from a section, one behind the other, each at a multiple of 4 bytes.

    Args:
        tag: The section's tag, for messages.
        data: Its bytes.
    """

    def __init__(self, tag: str, data: memoryview) -> None:
        self.tag = tag
        self._data = data
        self._place = 0

    def take(self, size: int) -> memoryview:
        """The next `size` bytes, behind the padding.

        Raises:
            ContainerError: The section is too short, or its padding is not zero.
        """
        start = -self._place % 4 + self._place
        if start + size > len(self._data):
            raise ContainerError(
                f"Section {self.tag} has {len(self._data)} bytes, but needs {start + size} or more."
            )
        if any(self._data[self._place : start]):
            raise ContainerError(f"Section {self.tag} has padding that is not zero.")
        self._place = start + size
        return self._data[start : start + size]

    def numbers(self, count: int, kind: str = "I") -> tuple[int, ...]:
        """The next `count` numbers of a `struct` format."""
        return struct.unpack(f"<{count}{kind}", self.take(count * struct.calcsize(f"<{kind}")))

    def rest(self) -> memoryview:
        """The bytes that were not taken yet."""
        return self._data[self._place :]

    def end(self) -> None:
        """Check that nothing is left but zeros up to a multiple of 4 bytes."""
        rest = self._data[self._place :]
        if len(rest) > 3 or any(rest):
            raise ContainerError(f"Section {self.tag} has {len(rest)} bytes too many.")


def read_names(reader: SectionReader, count: int) -> tuple[str, ...]:
    """Read names by their ends; see `LABL`."""
    names = _strings(reader, count)
    reader.end()
    if len(set(names)) != count:
        raise ContainerError(f"Section {reader.tag} names a label twice.")
    return names


def _strings(reader: SectionReader, count: int) -> tuple[str, ...]:
    ends = reader.numbers(count)
    data = bytes(reader.take(ends[-1] if ends else 0))
    spans = list(zip((0, *ends), ends, strict=False))
    if any(start >= end for start, end in spans):
        raise ContainerError(f"Section {reader.tag} holds an empty name.")
    try:
        return tuple(data[start:end].decode("utf-8") for start, end in spans)
    except UnicodeDecodeError as error:
        raise ContainerError(f"Section {reader.tag} holds a name that is not UTF-8.") from error


def read_words(reader: SectionReader, count: int) -> tuple[bytes, ...]:
    """Decode the front-coded words; see section 5 of the specification."""
    stored, blocks = reader.numbers(2)
    if stored != count or blocks != -(-count // BLOCK):
        raise ContainerError(f"Section WORD holds {stored} words, but HEAD says {count}.")
    starts = reader.numbers(blocks)
    data = bytes(reader.rest())
    words: list[bytes] = []
    place, word = 0, b""
    for index in range(count):
        if index % BLOCK == 0 and starts[index // BLOCK] != place:
            raise ContainerError(f"Section WORD: block {index // BLOCK} begins elsewhere.")
        head = data[place : place + 2]
        if not head or (head[0] & 15 == 0 and len(head) < 2):
            raise ContainerError("Section WORD ends within a word.")
        prefix, size = head[0] >> 4, head[0] & 15
        place += 1
        if size == 0:
            size = head[1]
            place += 1
            if size < 16:
                raise ContainerError("Section WORD: a length is written too long.")
        if prefix > len(word) or (index % BLOCK == 0 and prefix):
            raise ContainerError("Section WORD: a word repeats more than there is before it.")
        before, word = word, word[:prefix] + data[place : place + size]
        place += size
        if place > len(data) or len(word) > 255 or not before < word:
            raise ContainerError(f"Section WORD: word {index} is cut, too long or out of order.")
        words.append(word)
    reader.take(place)
    reader.end()
    return tuple(words)


def check_unicode(reader: SectionReader, head: Head) -> None:
    """Check the tables of the tokenizer; see section 4 of the specification."""
    splitting, literals, classes, lower, expansions, combining, short, long, others, origin = (
        reader.numbers(10)
    )
    if splitting > 1 or literals > MOST_LITERALS:
        raise ContainerError(f"UNIC: splitting {splitting}, {literals} literals: not known.")
    if any(row >= head.rows for row in reader.numbers(literals)):
        raise ContainerError("UNIC: a literal has no row.")
    _strings(reader, literals)
    for name, count in (("classes", classes), ("ranges", lower), ("combining", combining)):
        values = reader.numbers(count) if name != "ranges" else _lower_firsts(reader, count)
        firsts = [value >> 8 if name != "ranges" else value for value in values]
        if name != "ranges" and (not firsts or firsts[0] != 0):
            raise ContainerError(f"UNIC: the {name} do not begin at U+0000.")
        if any(a >= b for a, b in pairwise(firsts)) or any(f > 0x10FFFF for f in firsts):
            raise ContainerError(f"UNIC: the {name} are out of order.")
        if name == "classes" and any(value & 128 for value in values):
            raise ContainerError("UNIC: a class has an unknown flag.")
        if name == "ranges":
            _check_rising("expansions", reader.numbers(3 * expansions))
    _check_rising("compositions", reader.numbers(3 * short, "H"))
    _check_rising("compositions", reader.numbers(3 * long))
    _check_rising("decompositions", reader.numbers(3 * others))
    try:
        bytes(reader.take(origin)).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContainerError("UNIC: the origin is not UTF-8.") from error
    reader.end()


def _lower_firsts(reader: SectionReader, count: int) -> tuple[int, ...]:
    records = reader.numbers(3 * count)
    for first, packed, delta in zip(records[::3], records[1::3], records[2::3], strict=True):
        last, stride = packed & 0xFFFFFF, packed >> 24
        delta -= (delta >> 31) << 32
        inside = first <= last <= 0x10FFFF and first + delta >= 0 and last + delta <= 0x10FFFF
        if not inside or stride not in (1, 2):
            raise ContainerError("UNIC: a lower-case range leaves Unicode.")
    if any(
        packed & 0xFFFFFF >= first
        for packed, first in zip(records[1::3], records[3::3], strict=False)
    ):
        raise ContainerError("UNIC: lower-case ranges overlap.")
    return records[::3]


def _check_rising(name: str, records: tuple[int, ...]) -> None:
    keys = records[::3]
    if any(a >= b for a, b in pairwise(keys)) or any(value > 0x10FFFF for value in records):
        raise ContainerError(f"UNIC: the {name} are out of order or leave Unicode.")


def check_rows(reader: SectionReader, head: Head) -> None:
    """Check the word vectors; see section 6 of the specification."""
    reader.take(2 * head.rows * head.scales)
    if head.row_kind == 0:
        reader.take(head.rows * head.dimensions)
    elif head.row_kind == 1:
        reader.take(head.centroids)
        width = -(-head.dimensions // 2)
        codes = reader.take(head.rows * width)
        if head.dimensions % 2 and any(code >> 4 for code in codes[width - 1 :: width]):
            raise ContainerError("ROWS: a half byte left over is not zero.")
    else:
        reader.take(head.centroids * head.dimensions)
        if max(reader.take(head.rows * head.codes)) >= head.centroids:
            raise ContainerError("ROWS: a code has no centroid.")
    reader.end()


def check_lstm(reader: SectionReader, head: Head) -> None:
    """Check both directions of the LSTM; see section 7 of the specification."""
    gates = 4 * head.hidden
    for _ in range(head.directions):
        reader.take(4 * gates)
        if min(reader.numbers(2 * gates, "i")) < 0:
            raise ContainerError("LSTM: a multiplier is negative.")
        reader.take(gates * head.dimensions)
        reader.take(gates * head.hidden)
    reader.end()


def check_attention(reader: SectionReader, head: Head) -> None:
    """Check the attention; see section 8 of the specification."""
    if min(reader.numbers(head.attention, "i")) < 0:
        raise ContainerError("ATTN: a multiplier is negative.")
    _check_sums("ATTN", reader.take(2 * head.attention), head.attention)
    reader.take(head.attention * 2 * head.hidden)
    reader.end()


def check_classifier(reader: SectionReader, head: Head) -> None:
    """Check the classifier; see section 9 of the specification."""
    if any(abs(bias) > 1 << 30 for bias in reader.numbers(head.labels, "i")):
        raise ContainerError("CLSF: a bias is too large.")
    _check_sums("CLSF", reader.take(2 * head.labels * 2 * head.hidden), 2 * head.hidden)
    if PROBLEMS[head.problem_type] == "multi_label_classification" and any(
        threshold > ONE for threshold in reader.numbers(head.labels)
    ):
        raise ContainerError("CLSF: a threshold is above 1.")
    reader.end()


def _check_sums(tag: str, data: memoryview, width: int) -> None:
    """Check that no row of i16 weights can overflow 32 bits."""
    weights = array("h", struct.unpack(f"<{len(data) // 2}h", data))
    totals = [0, *accumulate(map(abs, weights))]
    if any(totals[i + width] - totals[i] > MOST_WEIGHT for i in range(0, len(weights), width)):
        raise ContainerError(f"{tag}: the weights of a row sum to more than {MOST_WEIGHT}.")
