# SPDX-License-Identifier: Apache-2.0
"""Flash, RAM and instructions of a student on microcontrollers, and whether its numbers are right.

    python -m benchmarks.device_microcontroller student.dxt --texts tweets.csv --column text

Every core runs in QEMU, which counts instructions, not cycles. The compilers and the emulator are
those of `runtime/tests/test_same_bytes.py`, which names the Debian packages. Results go to
`benchmarks/results/device_microcontroller.json`.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from dixtill_runtime.reference import ReferenceEngine

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "device_microcontroller.json"
# Clock of the timer by which QEMU's boards count, in MHz. RISC-V counts instructions itself.
CORES = {"cortex-m4": 25, "cortex-m7": 25, "cortex-m33": 20, "cortex-m55": 32, "riscv": 1}
MEMORY = 16_384
LINK_MAP = "program.map"
# Room for as many words as the student reads.
ANSWERS = ["-UMEMORY", "-DMEMORY=100000"]


def load_targets() -> ModuleType:
    """The test that knows how to compile for each core and to run on it."""
    path = ROOT / "runtime" / "tests" / "test_same_bytes.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def code_size(link_map: Path) -> int:
    """Bytes of the core in flash, all functions, texts and tables, as the linker has placed them.

    A RISC-V linker shortens calls and addresses, so the object files would say too much.
    """
    text = link_map.read_text(encoding="utf-8")
    placed = text[text.index("Linker script and memory map") :]
    sizes = re.findall(
        r"^ \.(?:text|rodata|srodata)\S*\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s.*-dixtill\w*\.o$",
        placed,
        re.M,
    )
    return sum(int(size, 16) for size in sizes)


def run(
    targets: ModuleType, name: str, program: str, options: list[str], directory: Path
) -> list[str]:
    """Compile a program of `runtime/tests/c` for a core, run it, and return its lines."""
    target = targets.TARGETS[name]
    built = directory / "program.elf"
    main_file = targets.PROGRAM.with_name(f"{program}.c")
    sources = [*map(str, targets.SOURCES.glob("dixtill*.c")), str(main_file)]
    places = [f"-I{directory}", f"-I{targets.SOURCES}"]
    command = [target.compiler, "-std=c99", *target.options, *options, *places, *sources]
    # The objects are kept beside the program, so that the map names them.
    kept = ["-save-temps=obj", f"-Wl,-Map={directory / LINK_MAP}"]
    subprocess.run([*command, *kept, "-o", str(built)], check=True)
    emulator, *rest = target.runner
    counting = ["-icount", "shift=0"] if program == "instructions" else []
    done = subprocess.run(
        [emulator, *counting, *rest, str(built)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def measure(targets: ModuleType, name: str, mhz: int, directory: Path) -> dict[str, Any]:
    """What one core needs; the texts lie in `model.h` of the directory."""
    record: dict[str, Any] = {}
    for level in ("-Os", "-O2"):
        options = [level, "-UMEMORY", f"-DMEMORY={MEMORY}", f"-DCLOCK_MHZ={mhz}"]
        lines = run(targets, name, "instructions", options, directory)
        record[f"code_bytes_{level[1:]}"] = code_size(directory / LINK_MAP)
        texts = [tuple(map(int, line.split()[1:])) for line in lines if line.startswith("text")]
        words, counts = (sum(column) for column in zip(*texts, strict=True))
        record[f"instructions_a_text_{level[1:]}"] = round(statistics.median(c for _, c in texts))
        record[f"instructions_a_word_{level[1:]}"] = round(counts / words)
        numbers = {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in lines}
        record[f"stack_bytes_{level[1:]}"] = max(
            numbers["stack of dxt_open"], numbers["stack of dxt_classify"]
        )
    memory, model = (int(value) for value in lines[-1].split()[1::2])
    record |= {"memory_bytes_64_words": memory, "model_struct_bytes": model}
    return record


def main() -> None:
    """Measure all cores, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("student", type=Path, help="A .dxt file of at most 400 kB.")
    parser.add_argument("--texts", type=Path, required=True, help="CSV file of the texts.")
    parser.add_argument("--column", default="text", help="Its column of the texts.")
    parser.add_argument("--count", type=int, default=40, help="Texts that are counted.")
    parser.add_argument("--output", type=Path, default=RESULTS, help="The JSON file to write.")
    given = parser.parse_args()
    file = given.student.read_bytes()
    with given.texts.open(encoding="utf-8", newline="") as rows:
        texts = [row[given.column] for row in csv.DictReader(rows)][: given.count]
    targets = load_targets()
    reference = ReferenceEngine(file)
    expected = [targets.line(tuple(reference.run(text)), text) for text in texts]
    record: dict[str, Any] = {"student_bytes": len(file), "texts": len(texts), "cores": {}}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "model.h").write_text(targets.header(file, texts), encoding="ascii")
        for core, mhz in CORES.items():
            record["cores"][core] = measure(targets, core, mhz, directory)
            same = run(targets, core, "answers", ANSWERS, directory)[1:] == expected
            record["cores"][core]["same_numbers"] = same
            print(core, json.dumps(record["cores"][core]), flush=True)
    given.output.write_text(json.dumps(record, indent=2) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
