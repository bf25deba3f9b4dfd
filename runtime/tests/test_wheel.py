# SPDX-License-Identifier: Apache-2.0
"""The wheels are small, and the one without a compiler gives the same answers, slowly."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

RUNTIME = Path(__file__).resolve().parents[1]
PACKAGES = Path(np.__file__).resolve().parents[1]
MOST_BYTES = 150_000
CLASSIFY = """
import sys
sys.path[:0] = sys.argv[2:]
from dixtill_runtime import Classifier
classifier = Classifier.from_file(sys.argv[1])
print(classifier.engine, dict(classifier("Profit falls.").logits))
"""


def wheel(directory: Path, **environment: str) -> Path:
    """Build a wheel of a copy of the sources."""
    if importlib.util.find_spec("pip") is None or importlib.util.find_spec("setuptools") is None:
        pytest.skip("pip or setuptools is not installed.")
    sources = directory / "sources"
    ignored = shutil.ignore_patterns("*.so", "build", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(RUNTIME, sources, ignore=ignored)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation"),
            *("--no-deps", "--no-index", "--wheel-dir", str(directory), str(sources)),
        ],
        check=True,
        env={**os.environ, **environment},
    )
    (built,) = directory.glob("*.whl")
    return built


def answer(built: Path, student: Path) -> subprocess.CompletedProcess[str]:
    """What the code of a wheel says of a text, in a process that sees no other installation."""
    unpacked = built.parent / "unpacked"
    with zipfile.ZipFile(built) as archive:
        archive.extractall(unpacked)
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", CLASSIFY, str(student), str(unpacked), str(PACKAGES)],
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture
def bits() -> str:
    return "4"


@pytest.mark.slow
def test_without_a_compiler_the_slow_engine_runs_and_says_so(
    student_file: Path, tmp_path: Path
) -> None:
    pure = wheel(tmp_path, DIXTILL_RUNTIME_PURE="1")
    assert pure.name.endswith("-py3-none-any.whl")
    assert pure.stat().st_size <= MOST_BYTES
    said = answer(pure, student_file)
    assert said.stdout.startswith("reference {'down': ")
    assert "the slow one in NumPy runs" in said.stderr


@pytest.mark.slow
def test_with_a_compiler_one_small_wheel_serves_all_versions(
    student_file: Path, tmp_path: Path
) -> None:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed.")
    compiled = wheel(tmp_path / "compiled", CC="gcc")
    pure = wheel(tmp_path / "pure", DIXTILL_RUNTIME_PURE="1")
    assert "-cp310-abi3-" in compiled.name
    assert compiled.stat().st_size <= MOST_BYTES
    fast, slow = answer(compiled, student_file).stdout, answer(pure, student_file).stdout
    assert fast.replace("core", "reference", 1) == slow


@pytest.mark.slow
def test_the_compiler_of_pypi_is_enough(student_file: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("ziglang is not installed.")
    built = wheel(tmp_path, CC=f"{sys.executable} -m ziglang cc")
    assert built.stat().st_size <= MOST_BYTES
    assert answer(built, student_file).stdout.startswith("core ")
