# SPDX-License-Identifier: Apache-2.0
"""The tiny students that all tests share; `runtime/tools/make_fixtures.py` makes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STUDENTS = Path(__file__).parent / "students"


@pytest.fixture(params=["8", "4", "pq"])
def bits(request: pytest.FixtureRequest) -> str:
    """Kinds of rows."""
    return request.param


@pytest.fixture
def student_file(bits: str) -> Path:
    """The file of a tiny student."""
    return STUDENTS / f"{bits}.dxt"


@pytest.fixture
def student(student_file: Path) -> bytes:
    """Its bytes."""
    return student_file.read_bytes()


@pytest.fixture
def answers(bits: str) -> list[dict[str, Any]]:
    """Texts and the integers that every engine must answer."""
    return json.loads((STUDENTS / f"{bits}.json").read_text(encoding="ascii"))


@pytest.fixture
def repaired() -> Callable[[bytearray], bytes]:
    """Writes size and checksum of changed bytes anew, so that only the change is wrong."""
    import struct
    import zlib

    def repair(data: bytearray) -> bytes:
        struct.pack_into("<I", data, 12, len(data))
        struct.pack_into("<I", data, 16, zlib.crc32(memoryview(data)[20:]))
        return bytes(data)

    return repair
