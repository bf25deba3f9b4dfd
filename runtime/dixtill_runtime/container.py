# SPDX-License-Identifier: Apache-2.0
"""Reads a `.dxt` file and checks all that the specification's section 11 asks for.

Nothing here needs NumPy. What a `Container` holds can be used without looking again: every size,
order and index was checked.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, NamedTuple

from dixtill_runtime.errors import ContainerError
from dixtill_runtime.head import Head, read_head
from dixtill_runtime.sections import (
    SectionReader,
    check_attention,
    check_classifier,
    check_lstm,
    check_rows,
    check_unicode,
    read_names,
    read_words,
)

MAGIC = b"\x89DXT\r\n\x1a\n"
MAJOR, MINOR = 1, 0
HEADER = struct.Struct("<8sHHIII8s")
ENTRY = struct.Struct("<4sIII")
ALIGNMENT = 16
MOST_SECTIONS = 64
NEEDED = (b"HEAD", b"LABL", b"UNIC", b"WORD", b"ROWS", b"LSTM", b"ATTN", b"CLSF")


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


def read_container(data: bytes) -> Container:
    """Read and check a student.

    Args:
        data: The whole file.

    Raises:
        ContainerError: The file is foreign, of another version, truncated, damaged, or breaks a
            rule of the specification; the message says which.
    """
    sections = _sections(data)
    head = read_head(sections["HEAD"])
    labels = read_names(SectionReader("LABL", sections["LABL"]), head.labels)
    words = read_words(SectionReader("WORD", sections["WORD"]), head.words)
    check_unicode(SectionReader("UNIC", sections["UNIC"]), head)
    check_rows(SectionReader("ROWS", sections["ROWS"]), head)
    check_lstm(SectionReader("LSTM", sections["LSTM"]), head)
    check_attention(SectionReader("ATTN", sections["ATTN"]), head)
    check_classifier(SectionReader("CLSF", sections["CLSF"]), head)
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
