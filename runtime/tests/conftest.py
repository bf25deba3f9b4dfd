# SPDX-License-Identifier: Apache-2.0
"""The tiny students that all tests share; `runtime/tools/make_fixtures.py` makes them."""

import json
import struct
import zlib
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

    def repair(data: bytearray) -> bytes:
        struct.pack_into("<I", data, 12, len(data))
        struct.pack_into("<I", data, 16, zlib.crc32(memoryview(data)[20:]))
        return bytes(data)

    return repair


@pytest.fixture
def random_file(student: bytes, repaired: Callable[[bytearray], bytes]) -> Callable[..., bytes]:
    """Makes a student of any size with random numbers of any size that the format allows.

    Its words are those of the tiny student. Called with `(dimensions, hidden units, rows of the
    attention matrix, labels)` and whether the numbers are the largest that are allowed.
    """
    import numpy as np

    from dixtill_runtime.container import read_container

    def make(sizes: tuple[int, int, int, int], extreme: bool = False, seed: int = 0) -> bytes:
        dimensions, hidden, attention, labels = sizes
        container = read_container(student)
        draw = np.random.default_rng(seed)
        most = 1 << 31 if extreme else 1 << 20

        def small(*shape: int) -> bytes:
            values = draw.choice([-128, 127], shape) if extreme else draw.integers(-128, 128, shape)
            return values.astype("i1").tobytes()

        def wide(count: int, low: int) -> bytes:
            return draw.integers(low, most, count).astype("<i4").tobytes()

        def bounded(rows: int, columns: int) -> bytes:
            bound = min(32_767, 65_535 // columns)
            return draw.integers(-bound, bound + 1, (rows, columns)).astype("<i2").tobytes()

        def arrays(*parts: bytes) -> bytes:
            return b"".join(part + bytes(-len(part) % 4) for part in parts)

        gates, kind = 4 * hidden, container.head.row_kind
        head = container.head._replace(
            labels=labels,
            dimensions=dimensions,
            hidden=hidden,
            attention=attention,
            scales=1,
            codes=1 if kind == 2 else dimensions,
        )
        rows = [draw.integers(0, 1 << 16, head.rows).astype("<u2").tobytes()]
        if kind == 0:
            rows += [small(head.rows, dimensions)]
        elif kind == 1:
            codes = draw.integers(0, 256, (head.rows, -(-dimensions // 2))).astype("u1")
            codes[:, -1] &= 15 if dimensions % 2 else 255
            rows += [small(16), codes.tobytes()]
        else:
            codes = draw.integers(0, head.centroids, head.rows).astype("u1")
            rows += [small(head.centroids, dimensions), codes.tobytes()]
        direction = [wide(gates, -most), wide(2 * gates, 0), small(gates, dimensions)]
        sections = {
            **container.sections,
            "HEAD": head.pack(),
            "LABL": np.cumsum([3] * labels).astype("<u4").tobytes()
            + b"".join(b"%03d" % label for label in range(labels)),
            "ROWS": arrays(*rows),
            "LSTM": arrays(*2 * [*direction, small(gates, hidden)]),
            "ATTN": arrays(wide(attention, 0), bounded(1, attention), small(attention, 2 * hidden)),
            "CLSF": arrays(
                draw.integers(-(1 << 30), (1 << 30) + 1, labels).astype("<i4").tobytes(),
                bounded(labels, 2 * hidden),
            ),
        }
        return repaired(written(sections))

    return make


@pytest.fixture
def changed(student: bytes, repaired: Callable[[bytearray], bytes]) -> Callable[..., bytes]:
    """Makes the student with other fields of `HEAD` and with thresholds of its labels, Q24."""
    from dixtill_runtime.container import read_container

    def change(thresholds: list[int], **fields: int) -> bytes:
        container = read_container(student)
        sections = {
            **container.sections,
            "HEAD": container.head._replace(**fields).pack(),
            "CLSF": bytes(container.sections["CLSF"])
            + struct.pack(f"<{len(thresholds)}I", *thresholds),
        }
        return repaired(written(sections))

    return change


def written(sections: dict[str, Any]) -> bytearray:
    """A file of these sections; its size and checksum are left to `repaired`."""
    table, body = b"", b""
    start = 32 + 16 * len(sections)
    for name, section in sections.items():
        body += bytes(-(start + len(body)) % 16)
        table += struct.pack("<4sIII", name.encode(), start + len(body), len(section), 0)
        body += bytes(section)
    header = struct.pack("<8sHHIII8x", b"\x89DXT\r\n\x1a\n", 1, 0, 0, 0, len(sections))
    return bytearray(header + table + body)
