# SPDX-License-Identifier: Apache-2.0
"""One student, the same integers on every machine.

The core is compiled for each target and answers 200 texts, under QEMU if the target is another
machine; the packaged wasm answers them in Chromium. Debian packages: chromium; gcc;
gcc-aarch64-linux-gnu, libc6-dev-arm64-cross, qemu-user; gcc-arm-none-eabi,
picolibc-arm-none-eabi, qemu-system-arm; gcc-riscv64-unknown-elf, picolibc-riscv64-unknown-elf,
qemu-system-misc. Without a tool its targets are skipped.
"""

import json
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

from dixtill_runtime.browser import page
from dixtill_runtime.container import read_container
from dixtill_runtime.reference import ReferenceEngine
from runtime.tests.chromium import chromium

RUNTIME = Path(__file__).resolve().parents[1]
SOURCES = RUNTIME / "dixtill_runtime" / "c"
PROGRAM = RUNTIME / "tests" / "c" / "answers.c"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror")
SIZES = (50, 50, 100, 3)
TEXTS = 200
SECONDS = 300


class Target(NamedTuple):
    """How to compile for a target and run on it.

    Attributes:
        compiler: The compiler.
        options: What it needs to know of the target.
        runner: The command that the program is given to; empty if this machine runs it.
        kernels: Which instructions must do the work.
    """

    compiler: str
    options: tuple[str, ...]
    runner: tuple[str, ...] = ()
    kernels: str = "portable"


def bare(compiler: str, machine: str, options: tuple[str, ...], flash: int, ram: int) -> Target:
    """A microcontroller that QEMU has; it prints through the debugger's interface."""
    emulator = "qemu-system-riscv32" if compiler.startswith("riscv") else "qemu-system-arm"
    places = {"flash": flash, "flash_size": 1 << 19, "ram": ram, "ram_size": 1 << 17}
    return Target(
        compiler,
        (
            "-Os",
            "-DMEMORY=65536",
            *options,
            "--specs=picolibc.specs",
            "--crt0=hosted",
            "--oslib=semihost",
            *(f"-Wl,--defsym=__{name}={value:#x}" for name, value in places.items()),
        ),
        (
            *(emulator, "-M", machine, "-nographic", "-monitor", "none", "-serial", "none"),
            *(("-bios", "none") if compiler.startswith("riscv") else ()),
            *("-semihosting-config", "enable=on,target=native", "-kernel"),
        ),
    )


def cortex(core: str, machine: str, flash: int = 0, ram: int = 0x20000000) -> Target:
    """A Cortex-M core."""
    options = (f"-mcpu=cortex-{core}", "-mthumb", "-mfloat-abi=soft")
    return bare("arm-none-eabi-gcc", machine, options, flash, ram)


RISCV = ("-march=rv32imac", "-mabi=ilp32", "-msave-restore")
TARGETS = {
    "portable": Target("gcc", ("-O3", "-DDXT_PORTABLE_ONLY")),
    "avx2": Target("gcc", ("-O3",), kernels="avx2"),
    "sanitized": Target(
        "gcc",
        ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
        kernels="avx2",
    ),
    "neon": Target("aarch64-linux-gnu-gcc", ("-O3", "-static"), ("qemu-aarch64",), kernels="neon"),
    "cortex-m4": cortex("m4", "mps2-an386"),
    "cortex-m7": cortex("m7", "mps2-an500"),
    "cortex-m33": cortex("m33", "mps2-an505", 0x10000000, 0x38000000),
    "cortex-m55": cortex("m55", "mps3-an547"),
    "riscv": bare("riscv64-unknown-elf-gcc", "virt", RISCV, 0x80000000, 0x80100000),
}


@pytest.fixture
def bits() -> str:
    return "8"


@pytest.fixture
def file(random_file: Callable[..., bytes]) -> bytes:
    return random_file(SIZES)


@pytest.fixture
def texts(file: bytes) -> list[str]:
    """Texts of known and unknown words and of all that is odd."""
    words = [word.decode() for word in read_container(file).words]
    odd = ["cafe\u0301", "東京", "กำ", "[UNK]", "\x00", "İ", "zzz", "1,200", "\u0344", "각"]
    draw = random.Random(0)
    return ["", *(" ".join(draw.choices(words + odd, k=k % 30)) for k in range(1, TEXTS))]


def header(file: bytes, texts: list[str]) -> str:
    """`model.h`: the file and the texts as C."""
    numbers = ",".join(f"{number:#x}" for (number,) in struct.iter_unpack("<I", padded(file)))
    strings = "".join(f"{{{literal(text.encode())}, {len(text.encode())}}},\n" for text in texts)
    return (
        f"static const uint32_t dxt_model_file[] = {{{numbers}}};\n"
        f"static const size_t dxt_model_size = {len(file)};\n"
        f"static const struct {{ const char *text; size_t size; }} texts[] = {{\n{strings}}};\n"
        "static const size_t n_texts = sizeof texts / sizeof texts[0];\n"
    )


def padded(file: bytes) -> bytes:
    """The file and zeros up to a multiple of 4 bytes: as numbers it lies where it may."""
    return file + bytes(-len(file) % 4)


def literal(data: bytes) -> str:
    return '"' + "".join(f"\\{byte:03o}" for byte in data) + '"'


def line(answer: tuple, text: str) -> str:
    """What the program prints for an answer; its spans count bytes."""
    spans, rows, scores, contributions, logits, probabilities, cut = answer
    bytes_before = [len(text[:k].encode()) for k in range(len(text) + 1)]
    starts = [bytes_before[start] for start, _ in spans]
    ends = [bytes_before[end] for _, end in spans]
    parts = [len(spans), int(cut)], starts, ends, rows, scores, *contributions
    return " ".join(map(str, chain(*parts, logits, probabilities)))


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_target_gives_the_integers_of_the_reference(
    name: str, file: bytes, texts: list[str], tmp_path: Path
) -> None:
    target = TARGETS[name]
    for tool in (target.compiler, *target.runner[:1]):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed; the test's module names the Debian packages.")
    if target.kernels == "avx2" and not runs_avx2():
        pytest.skip("This machine has no AVX2.")
    (tmp_path / "model.h").write_text(header(file, texts), encoding="ascii")
    program = tmp_path / "answers"
    sources = sorted(map(str, SOURCES.glob("dixtill*.c")))
    places = [f"-I{tmp_path}", f"-I{SOURCES}"]
    subprocess.run(
        [
            *(target.compiler, *STRICT, *target.options, *places),
            *(*sources, str(PROGRAM), "-o", str(program)),
        ],
        check=True,
        timeout=SECONDS,
    )
    printed = subprocess.run(
        [*target.runner, str(program)],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # QEMU prints there what a microcontroller prints.
        text=True,
        timeout=SECONDS,
    ).stdout.splitlines()
    reference = ReferenceEngine(file)
    assert printed[0] == target.kernels
    assert printed[1:] == [line(tuple(reference.run(text)), text) for text in texts]


@pytest.mark.slow
def test_wasm_gives_the_integers_of_the_reference(
    file: bytes, texts: list[str], tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_text(page(file), encoding="utf-8")
    with chromium(tmp_path / "profile") as browser:
        browser.open(tmp_path / "page.html")
        answers = browser.run(
            f"{json.dumps(texts)}.map((text) => {{ const a = classify(text); return "
            "[a.cut, a.rows, a.scores, a.contributions, a.logits, a.probabilities]"
            ".map((v) => typeof v === 'number' ? v : Array.from(v)); })"
        )
    reference = ReferenceEngine(file)
    for text, found in zip(texts, answers, strict=True):
        expected = reference.run(text)
        contributions = list(chain(*expected.contributions))
        parts = expected.rows, expected.scores, contributions, expected.logits
        assert found == [int(expected.cut), *map(list, parts), list(expected.probabilities)], text


def runs_avx2() -> bool:
    information = Path("/proc/cpuinfo")
    return information.exists() and " avx2 " in information.read_text()
