# SPDX-License-Identifier: Apache-2.0
"""The sources for a microcontroller compile without a warning, and their self-test passes."""

import re
import shutil
import subprocess

import pytest

from dixtill_hf.export.fidelity import LabelledTexts
from dixtill_hf.export.targets.base import ExportRequest, export

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime")

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1")
ODD = ["", 'A "quoted" \\ text??', "Café 東京 1,200\nnew line", "[UNK] \U0001f600", "long " * 80]


@pytest.fixture(scope="module")
def directory(device_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("c")
    texts = LabelledTexts("odd", ODD, [0] * len(ODD))
    export("c", ExportRequest(*device_model, "tiny", path, bits="8", validation=texts))
    return path


def compiled(directory, program):
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed.")
    sources = [*map(str, directory.glob("dixtill*.c")), "student.c", f"{program}.c"]
    subprocess.run(["gcc", *STRICT, *sources, "-o", program], cwd=directory, check=True)
    return subprocess.run([directory / program], capture_output=True, text=True, check=False)


def test_the_self_test_passes(directory):
    done = compiled(directory, "self_test")
    assert done.stdout == "32 of 32 texts give the numbers of the reference.\n"
    assert done.returncode == 0


def test_the_self_test_finds_other_numbers(directory, tmp_path):
    changed = shutil.copytree(directory, tmp_path / "changed")
    header = changed / "self_test.h"
    text = header.read_text(encoding="utf-8")
    header.write_text(re.sub(r"\d+u}", "1u}", text, count=1), encoding="utf-8")
    done = compiled(changed, "self_test")
    assert "Text 1: other numbers" in done.stdout
    assert done.returncode == 1


def test_the_example_says_a_label_and_the_words(directory):
    lines = compiled(directory, "main").stdout.splitlines()
    assert lines[0].startswith("LABEL_")
    assert [line.split()[1] for line in lines[1:4]] == ["Profit", "warning", ":"]
