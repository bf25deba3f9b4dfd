# SPDX-License-Identifier: Apache-2.0
"""Importing the package is cheap, and its public names are found when they are used."""

import ast
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import dixtill_hf

ROOT = Path(__file__).resolve().parents[1]
NEED_ONNX = {"OnnxStudent", "export_student"}


def test_import_loads_the_standard_library_alone() -> None:
    script = (
        "import sys; before = set(sys.modules); import dixtill_hf\n"
        "loaded = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(loaded - sys.stdlib_module_names))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert finished.stdout.split() == ["dixtill_hf"]


@pytest.mark.parametrize("name", dixtill_hf.__all__)
def test_public_names_are_found(name: str) -> None:
    if name in NEED_ONNX:
        pytest.importorskip("onnxruntime", reason="the extra onnx excludes the newest transformers")
    value = getattr(dixtill_hf, name)
    assert name in dir(dixtill_hf)
    if callable(value):
        assert value.__doc__


def test_what_type_checkers_read_is_what_is_imported() -> None:
    tree = ast.parse((ROOT / "dixtill_hf" / "__init__.py").read_text("utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    read = {
        alias.name: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert read == {name: f"dixtill_hf.{m}" for name, m in dixtill_hf._MODULES.items()}
    assert sorted({*read, "__version__"}) == sorted(dixtill_hf.__all__)


def test_experimental_names_are_public() -> None:
    assert set(dixtill_hf.__all__) >= dixtill_hf.EXPERIMENTAL


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Distiller'"):
        dixtill_hf.Distiller  # noqa: B018


def test_version_is_that_of_the_distribution() -> None:
    try:
        installed = version("dixtill_hf")
    except PackageNotFoundError:
        pytest.skip("the package is not installed")
    assert dixtill_hf.__version__ == installed
