# SPDX-License-Identifier: Apache-2.0
"""A file is read as it was written, and everything wrong with it is named."""

import random
import struct
from collections.abc import Callable

import pytest

from dixtill_runtime.container import ContainerError, read_container
from dixtill_runtime.reference import ReferenceEngine

Repair = Callable[[bytearray], bytes]


def section_place(data: bytes, tag: bytes) -> tuple[int, int]:
    """Offset and size of a section."""
    for index in range(struct.unpack_from("<I", data, 20)[0]):
        found, offset, size, _ = struct.unpack_from("<4sIII", data, 32 + 16 * index)
        if found == tag:
            return offset, size
    raise KeyError(tag)


def test_reads_what_was_written(student: bytes) -> None:
    container = read_container(student)
    assert container.labels == ("down", "up", "même")
    assert container.head.words == len(container.words)
    assert list(container.words) == sorted(container.words)
    assert "café".encode() in container.words
    assert container.meta["bytes"]["WORD"] == len(container.sections["WORD"])


@pytest.mark.parametrize("size", [0, 1, 31, 32, 100, 5_000])
def test_a_truncated_file_is_refused(student: bytes, size: int) -> None:
    with pytest.raises(ContainerError, match="truncated"):
        read_container(student[:size])


def test_a_foreign_file_is_refused(student: bytes) -> None:
    with pytest.raises(ContainerError, match=r"no \.dxt file: it begins with b'PK"):
        read_container(b"PK\x03\x04" + student[4:])


def test_a_newer_version_is_refused_by_name(student: bytes, repaired: Repair) -> None:
    data = bytearray(student)
    data[8] = 2
    with pytest.raises(ContainerError, match=r"version 2\.0; this runtime reads 1\.x\. Update"):
        read_container(repaired(data))


def test_a_newer_minor_version_is_read(student: bytes, repaired: Repair) -> None:
    data = bytearray(student)
    data[10] = 7
    assert read_container(repaired(data)).labels[0] == "down"


def test_any_damaged_byte_is_noticed(student: bytes) -> None:
    for place in random.Random(0).sample(range(len(student)), 300):
        data = bytearray(student)
        data[place] ^= 1 << place % 8
        with pytest.raises(ContainerError):
            read_container(bytes(data))


def test_an_unknown_needed_section_is_refused(student: bytes, repaired: Repair) -> None:
    data = bytearray(student)
    place = data.index(b"meta", 32)
    data[place : place + 4] = b"Meta"
    with pytest.raises(ContainerError, match="needs section Meta"):
        read_container(repaired(data))


def test_an_unknown_extra_section_is_skipped(student: bytes, repaired: Repair) -> None:
    data = bytearray(student)
    place = data.index(b"meta", 32)
    data[place : place + 4] = b"nota"
    assert read_container(repaired(data)).meta == {}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (0, 9, "problem_type"),
        (1, 1, "labels"),
        (4, 512, "dimensions"),
        (5, 256, "hidden"),
        (7, 0, "word_limit"),
        (9, 1, "cell"),
        (10, 2, "layers"),
        (12, 3, "row_kind"),
        (18, 1 << 31, "attention_multiplier"),
        (21, (1 << 24) + 1, "answer_threshold"),
        (22, 1, "damaged"),
    ],
)
def test_a_head_out_of_range_is_named(
    student: bytes, repaired: Repair, field: int, value: int, message: str
) -> None:
    data = bytearray(student)
    struct.pack_into("<I", data, section_place(student, b"HEAD")[0] + 4 * field, value)
    with pytest.raises(ContainerError, match=message):
        read_container(repaired(data))


def test_words_out_of_order_are_refused(student: bytes, repaired: Repair) -> None:
    data = bytearray(student)
    offset, _ = section_place(student, b"WORD")
    first = offset + 8 + 4 * struct.unpack_from("<I", data, offset + 4)[0]
    data[first + 1] = 0xFF
    with pytest.raises(ContainerError, match="out of order"):
        read_container(repaired(data))


def test_weights_that_could_overflow_are_refused(student: bytes, repaired: Repair) -> None:
    data = bytearray(student)
    offset, size = section_place(student, b"CLSF")
    data[offset + 12 : offset + size] = struct.pack("<h", 32_767) * ((size - 12) // 2)
    with pytest.raises(ContainerError, match="CLSF: the weights of a row sum"):
        read_container(repaired(data))


def test_damage_behind_a_right_checksum_is_refused_or_harmless(
    student: bytes, repaired: Repair
) -> None:
    generator = random.Random(1)
    accepted = 0
    for _ in range(400):
        data = bytearray(student)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(20, len(data))] = generator.randrange(256)
        if generator.random() < 0.2:
            del data[generator.randrange(20, len(data)) :]
        try:
            engine = ReferenceEngine(repaired(data) if len(data) > 20 else bytes(data))
        except ContainerError:
            continue
        accepted += 1
        answer = engine.run("Profit warning: café \u0e01\u0e33 e\u0301\u0327 [PAD] falls")
        assert len(answer.spans) == len(answer.scores) == len(answer.contributions)
        assert all(abs(logit) < 1 << 31 for logit in answer.logits)
    assert accepted > 50
