# SPDX-License-Identifier: Apache-2.0
"""The interface in C and damaged files, under the address and undefined-behaviour sanitizers."""

import shutil
import subprocess
from pathlib import Path

import pytest

RUNTIME = Path(__file__).resolve().parents[1]
SOURCES = RUNTIME / "dixtill_runtime" / "c"
COMPILE = (
    *("gcc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)
# The tool's own runs are of millions; these find what is broken at once.
DAMAGED_FILES = 1_500


@pytest.fixture(scope="module", params=["api", "fuzz"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed.")
    path = tmp_path_factory.mktemp("c") / request.param
    sources = [*map(str, SOURCES.glob("dixtill*.c"))]
    main = str(RUNTIME / "tests" / "c" / f"{request.param}.c")
    subprocess.run([*COMPILE, f"-I{SOURCES}", *sources, main, "-o", str(path)], check=True)
    return path


def test_no_promise_is_broken_and_no_byte_beyond_is_read(program: Path, student_file: Path) -> None:
    numbers = [str(DAMAGED_FILES), "1"] if program.name == "fuzz" else []
    done = subprocess.run(
        [str(program), str(student_file), *numbers], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
