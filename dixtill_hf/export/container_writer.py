# SPDX-License-Identifier: Apache-2.0
"""Writes the `.dxt` container: header, section table, sections, checksum, and the words."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

from dixtill_hf.export.float_student import LONGEST_WORD

_MAGIC = b"\x89DXT\r\n\x1a\n"
_VERSION = (1, 0)
_ALIGNMENT = 16
_HEADER_SIZE, _ENTRY_SIZE = 32, 16
_BLOCK = 16
_MOST_SIZE = (1 << 31) - 1


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
