# SPDX-License-Identifier: Apache-2.0
"""Bytes of files as text, and text as strings of Arrow."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa


def decode_text(content: bytes, first_line: int = 1) -> str:
    """The text of a file in UTF-8, or of some of its lines, without a byte order mark.

    Args:
        content: The bytes.
        first_line: Number of the line that they begin with, for messages.

    Raises:
        ValueError: It is in another encoding; says where, and how to convert it.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"it is in UTF-16, not UTF-8: {_convert('UTF-16')}")
    if 0 in content:
        line = content[: content.index(0)].count(b"\n") + first_line
        raise ValueError(
            f"there is a NUL character in line {line}, as in UTF-16 or a binary file. If it is "
            f"UTF-16: {_convert('UTF-16LE')}"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + first_line
        raise ValueError(
            f"the byte 0x{content[error.start]:02x} in line {line} is not UTF-8. "
            f"If it is in Latin-1, as Excel and Windows write: {_convert('WINDOWS-1252')}"
        ) from error


def _convert(encoding: str) -> str:
    return f"convert it with iconv -f {encoding} -t UTF-8 OLD > NEW"


def string_array(values: Sequence[str | None]) -> pa.Array:
    """Strings for Arrow.

    Raises:
        ValueError: One of them holds half of a surrogate pair.
    """
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError as error:
        row = next(row for row, value in enumerate(values) if value and not _is_text(value))
        raise ValueError(
            f"row {row} (counted from 0) holds half of a surrogate pair, which is no character"
        ) from error


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)
