# SPDX-License-Identifier: Apache-2.0
"""Reads a `.dxt` file and checks all that the specification's section 11 asks for.

Nothing here needs NumPy. What a `Container` holds can be used without looking again: every size,
order and index was checked.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from dixtill_runtime.errors import ContainerError

MAGIC = b"\x89DXT\r\n\x1a\n"
MAJOR, MINOR = 1, 0
HEADER = struct.Struct("<8sHHIII8s")
ENTRY = struct.Struct("<4sIII")
ALIGNMENT = 16
MOST_SECTIONS = 64
MOST_LITERALS = 16
BLOCK = 16
NEEDED = (b"HEAD", b"LABL", b"UNIC", b"WORD", b"ROWS", b"LSTM", b"ATTN", b"CLSF")
PROBLEMS = ("single_label_classification", "multi_label_classification", "regression")
EXPLANATIONS = ("contributions", "attention")
ROW_KINDS = ("int8", "int4", "pq")
MOST_WEIGHT = 65_535  # sum of the magnitudes of an i16 row
_HEAD = struct.Struct("<20If3I")
_ONE = 1 << 24  # A probability of 1, Q24.


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


class Container(NamedTuple):
    """A student, checked.

    Attributes:
        head: Sizes, kinds and scalar multipliers.
        labels: Names of the labels.
        words: The known words as UTF-8, rising; word i has row i + 1.
        sections: Bytes of every section by its tag.
        meta: The record of section `meta`; empty if there is none.
    """

    head: Head
    labels: tuple[str, ...]
    words: tuple[bytes, ...]
    sections: dict[str, memoryview]
    meta: dict[str, Any]


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


def read_container(data: bytes) -> Container:
    """Read and check a student.

    Args:
        data: The whole file.

    Raises:
        ContainerError: The file is foreign, of another version, truncated, damaged, or breaks a
            rule of the specification; the message says which.
    """
    sections = _sections(data)
    head = _head(sections["HEAD"])
    labels = _names(SectionReader("LABL", sections["LABL"]), head.labels)
    words = _words(SectionReader("WORD", sections["WORD"]), head.words)
    _check_unicode(SectionReader("UNIC", sections["UNIC"]), head)
    _check_rows(SectionReader("ROWS", sections["ROWS"]), head)
    _check_lstm(SectionReader("LSTM", sections["LSTM"]), head)
    _check_attention(SectionReader("ATTN", sections["ATTN"]), head)
    _check_classifier(SectionReader("CLSF", sections["CLSF"]), head)
    return Container(head, labels, words, sections, read_meta(sections.get("meta", b"")))


def _sections(data: bytes) -> dict[str, memoryview]:
    """Check the file's header, checksum and table; return the sections by their tags."""
    if len(data) < HEADER.size:
        raise ContainerError(
            f"The file has {len(data)} bytes; a .dxt file has at least {HEADER.size}. It is "
            "truncated, or no .dxt file."
        )
    magic, major, minor, size, checksum, count, reserved = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ContainerError(f"This is no .dxt file: it begins with {magic!r}, not {MAGIC!r}.")
    if major != MAJOR:
        raise ContainerError(
            f"The file has format version {major}.{minor}; this runtime reads {MAJOR}.x. "
            + ("Update dixtill-runtime." if major > MAJOR else "Export the student again.")
        )
    if size != len(data):
        raise ContainerError(
            f"The file should have {size} bytes, but has {len(data)}: it is truncated or damaged."
        )
    if zlib.crc32(memoryview(data)[20:]) != checksum:
        raise ContainerError(
            "The file's checksum is wrong: it is damaged. Copy or export it again."
        )
    if any(reserved) or not 1 <= count <= MOST_SECTIONS:
        raise ContainerError(f"The file's header is damaged: {count} sections.")
    return _table(memoryview(data), count)


def _table(data: memoryview, count: int) -> dict[str, memoryview]:
    end = HEADER.size + count * ENTRY.size
    if end > len(data):
        raise ContainerError(f"The table of {count} sections does not fit into the file.")
    sections: dict[str, memoryview] = {}
    last = end
    for place in range(HEADER.size, end, ENTRY.size):
        tag, offset, size, zero = ENTRY.unpack_from(data, place)
        if not tag.isalpha() or not tag.isascii() or zero:
            raise ContainerError(f"The section table is damaged at {tag!r}.")
        name = tag.decode("ascii")
        if name in sections:
            raise ContainerError(f"Section {name} appears twice.")
        if offset % ALIGNMENT or offset < last or offset + size > len(data):
            raise ContainerError(f"Section {name} lies outside its place in the file.")
        if any(data[last:offset]):
            raise ContainerError(f"There are bytes before section {name} that are not zero.")
        if tag[:1].isupper() and tag not in NEEDED:
            raise ContainerError(
                f"The file needs section {name}, which this runtime does not know: update "
                "dixtill-runtime."
            )
        sections[name] = data[offset : offset + size]
        last = offset + size
    missing = [tag.decode() for tag in NEEDED if tag.decode() not in sections]
    if missing:
        raise ContainerError(f"The file lacks section {', '.join(missing)}.")
    if any(data[last:]):
        raise ContainerError("There are bytes behind the last section that are not zero.")
    return sections


def _head(data: memoryview) -> Head:
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
        "answer_threshold": (0, _ONE if classes else 0),
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


def _names(reader: SectionReader, count: int) -> tuple[str, ...]:
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


def _words(reader: SectionReader, count: int) -> tuple[bytes, ...]:
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


def _check_unicode(reader: SectionReader, head: Head) -> None:
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


def _check_rows(reader: SectionReader, head: Head) -> None:
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


def _check_lstm(reader: SectionReader, head: Head) -> None:
    gates = 4 * head.hidden
    for _ in range(head.directions):
        reader.take(4 * gates)
        if min(reader.numbers(2 * gates, "i")) < 0:
            raise ContainerError("LSTM: a multiplier is negative.")
        reader.take(gates * head.dimensions)
        reader.take(gates * head.hidden)
    reader.end()


def _check_attention(reader: SectionReader, head: Head) -> None:
    if min(reader.numbers(head.attention, "i")) < 0:
        raise ContainerError("ATTN: a multiplier is negative.")
    _check_sums("ATTN", reader.take(2 * head.attention), head.attention)
    reader.take(head.attention * 2 * head.hidden)
    reader.end()


def _check_classifier(reader: SectionReader, head: Head) -> None:
    if any(abs(bias) > 1 << 30 for bias in reader.numbers(head.labels, "i")):
        raise ContainerError("CLSF: a bias is too large.")
    _check_sums("CLSF", reader.take(2 * head.labels * 2 * head.hidden), 2 * head.hidden)
    if PROBLEMS[head.problem_type] == "multi_label_classification" and any(
        threshold > _ONE for threshold in reader.numbers(head.labels)
    ):
        raise ContainerError("CLSF: a threshold is above 1.")
    reader.end()


def _check_sums(tag: str, data: memoryview, width: int) -> None:
    """Check that no row of i16 weights can overflow 32 bits."""
    weights = array("h", struct.unpack(f"<{len(data) // 2}h", data))
    totals = [0, *accumulate(map(abs, weights))]
    if any(totals[i + width] - totals[i] > MOST_WEIGHT for i in range(0, len(weights), width)):
        raise ContainerError(f"{tag}: the weights of a row sum to more than {MOST_WEIGHT}.")


def read_meta(data: bytes | memoryview) -> dict[str, Any]:
    """Read section `meta`.

    Args:
        data: Its bytes; empty if there is none.

    Raises:
        ContainerError: It is no JSON object.
    """
    if not data:
        return {}
    import json

    try:
        meta = json.loads(bytes(data).decode("utf-8"))
    except ValueError as error:
        raise ContainerError("Section meta is not JSON.") from error
    if not isinstance(meta, dict):
        raise ContainerError("Section meta is not a JSON object.")
    return meta
