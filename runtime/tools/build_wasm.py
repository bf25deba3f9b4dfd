# SPDX-License-Identifier: Apache-2.0
"""Build `dixtill_runtime/browser/dixtill.wasm` with the C compiler of PyPI's ziglang.

    pip install ziglang==0.17.1
    python runtime/tools/build_wasm.py

The file is kept in the repository, so that nobody who exports a page needs a compiler.
"""

import argparse
import subprocess
import sys
from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[1]
SOURCES = RUNTIME / "dixtill_runtime" / "c"
OUTPUT = RUNTIME / "dixtill_runtime" / "browser" / "dixtill.wasm"
OPTIONS = (
    *("-target", "wasm32-wasi", "-mexec-model=reactor"),
    *("-std=c99", "-O3", "-msimd128", "-s", "-Wall", "-Wextra", "-Werror"),
)


def build(output: Path) -> None:
    """Compile the core and the page's interface to one module that imports nothing."""
    sources = [*SOURCES.glob("dixtill*.c"), SOURCES / "wasm_skin.c"]
    subprocess.run(
        [
            *(sys.executable, "-m", "ziglang", "cc", *OPTIONS),
            f"-I{SOURCES}",
            *map(str, sorted(sources)),
            *("-o", str(output)),
        ],
        check=True,
    )


def main() -> None:
    """Build, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT, help="The file to write.")
    output = parser.parse_args().output
    output.parent.mkdir(parents=True, exist_ok=True)
    build(output)
    print(f"{output}: {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
