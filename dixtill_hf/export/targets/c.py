# SPDX-License-Identifier: Apache-2.0
"""`--target c`: sources for a microcontroller, or for any program in C or C++."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Sequence
from importlib.resources import files
from itertools import chain
from typing import TYPE_CHECKING

from dixtill_hf.export.targets.base import ExportRequest, ExportResult, register_target

if TYPE_CHECKING:
    from dixtill_runtime.container import Container
    from dixtill_runtime.engine import Answer

# The core; kernels of other machines than the one that is compiled for leave nothing behind.
SOURCES = (
    *("dixtill.h", "dixtill_words.h", "dixtill_kernels.h", "dixtill_bytes.h"),
    *("dixtill.c", "dixtill_open.c", "dixtill_words.c"),
    *("dixtill_portable.c", "dixtill_avx2.c", "dixtill_simd128.c", "dixtill_tables.c"),
)
EXAMPLES = ("main.c", "self_test.c")
# Words for which `STUDENT_MEMORY` has room.
WORDS = 64
TESTS = 32
# FNV-1a, over 32 bits at a time.
_FOLD_START, _FOLD_FACTOR = 2_166_136_261, 16_777_619
_NUMBERS_A_LINE = 8

_README = """\
# {name}

A text classifier that explains itself, as C99 without allocation, floating point or libm.

- `dixtill.h` is the interface, `main.c` shows its use; compile all `.c` files but one of the two
  with a `main`.
- `student.c` holds the student, {size:,} bytes, for flash. `STUDENT_MEMORY` bytes of RAM are enough
  for texts of `STUDENT_WORDS` words; a longer text is cut there, and `cut` says so.
- `self_test.c` compares this machine's answers to {tests} texts with those of the reference.

For a Cortex-M4, with the compiler that Debian has:

    arm-none-eabi-gcc -std=c99 -Os -mthumb -mcpu=cortex-m4 -ffunction-sections \\
        -Wl,--gc-sections --specs=picolibc.specs -c dixtill*.c student.c

On this machine:

    cc -std=c99 -O2 -o self_test dixtill*.c student.c self_test.c && ./self_test
"""


@register_target("c")
def export_c(request: ExportRequest) -> ExportResult:
    """Write the core, the student as an array, an example and a self-test into a directory.

    Raises:
        ImportError: The extra device is not installed.
        ValueError: The student has something that a device cannot carry, or is larger than
            `max_bytes` at its smallest.
    """
    from dixtill_runtime.container import read_container

    student = request.device_student()
    container = read_container(student.data)
    validation = request.validation.texts if request.validation else ()
    folder = files("dixtill_runtime") / "c"
    written = {name: (folder / name).read_text(encoding="utf-8") for name in SOURCES}
    written |= {name: (folder / "example" / name).read_text(encoding="utf-8") for name in EXAMPLES}
    written["student.h"] = _student_header(container)
    written["student.c"] = _student_source(student.data)
    written["self_test.h"] = _self_tests(student.data, container, validation)
    written["README.md"] = _README.format(name=request.name, size=len(student.data), tests=TESTS)
    request.output_dir.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in written.items():
        paths.append(request.output_dir / name)
        paths[-1].write_text(text, encoding="utf-8")
    return ExportResult(tuple(paths), student.report)


def memory_size(container: Container) -> int:
    """RAM in bytes for a text of `WORDS` words: what `dxt_memory_size` asks for, or little more."""
    head = container.head
    a_word = 4 * (5 + head.labels) + 2 * head.hidden
    gates = max(4 * head.hidden, head.attention)
    fixed = 8 * head.labels + 8 * gates + 2 * (head.dimensions + 4 * head.hidden) + 256
    # 16 arrays, each with up to 16 values behind it and aligned to 32 bytes, and the first too.
    padding = 16 * 64 + 17 * 32
    return -(-(min(WORDS, head.word_limit) * a_word + fixed + padding) // 256) * 256


def _student_header(container: Container) -> str:
    words = min(WORDS, container.head.word_limit)
    return (
        "/* The student and the memory that a call needs. */\n"
        "#ifndef STUDENT_H\n#define STUDENT_H\n\n#include <stddef.h>\n#include <stdint.h>\n\n"
        f"#define STUDENT_WORDS {words}\n#define STUDENT_MEMORY {memory_size(container)}\n\n"
        "extern const uint32_t student_file[];\nextern const size_t student_size;\n\n#endif\n"
    )


def _student_source(data: bytes) -> str:
    # As numbers of 32 bits, little-endian, the file lies at a multiple of 4 bytes.
    numbers = [f"{n:#x}" for (n,) in struct.iter_unpack("<I", data + bytes(-len(data) % 4))]
    lines = (
        ",".join(numbers[start : start + _NUMBERS_A_LINE])
        for start in range(0, len(numbers), _NUMBERS_A_LINE)
    )
    return (
        '#include "student.h"\n\nconst size_t student_size = '
        f"{len(data)};\nconst uint32_t student_file[] = {{\n" + ",\n".join(lines) + "};\n"
    )


def _self_tests(data: bytes, container: Container, validation: Sequence[str]) -> str:
    from dixtill_runtime.reference import ReferenceEngine

    engine = ReferenceEngine(data)
    rows = []
    for text in chain(validation, _texts_of_words(container)):
        answer = engine.run(text)
        if len(answer.spans) <= WORDS:
            encoded = text.encode("utf-8", "surrogatepass")
            rows.append(f"    {{{_literal(encoded)}, {len(encoded)}, {_sum(answer)}u}}")
        if len(rows) == TESTS:
            break
    return (
        "/* Texts, and a sum over all numbers that the reference answers. */\n"
        "static const struct {\n    const char *text;\n    size_t size;\n    uint32_t sum;\n"
        "} self_tests[] = {\n" + ",\n".join(rows) + "};\n"
        "static const uint32_t n_self_tests = sizeof self_tests / sizeof *self_tests;\n"
    )


def _texts_of_words(container: Container) -> Iterable[str]:
    """Texts of known and unknown words without end, always the same ones."""
    draw = random.Random(0)
    words = [word.decode("utf-8") for word in container.words]
    while True:
        yield " ".join(draw.choices([*words, "unknown-word"], k=draw.randint(0, 30)))


def _sum(answer: Answer) -> int:
    numbers = [*answer.rows, *answer.scores, *chain(*answer.contributions), *answer.logits]
    total = _FOLD_START
    for number in numbers:
        total = ((total ^ number) * _FOLD_FACTOR) & 0xFFFFFFFF
    return total


def _literal(data: bytes) -> str:
    """A string in C; octal escapes end by themselves, so that digits may follow."""
    plain = {*range(0x20, 0x7F)} - {*b'"\\?'}
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in data) + '"'
