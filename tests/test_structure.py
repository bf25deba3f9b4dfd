# SPDX-License-Identifier: Apache-2.0
"""The rules that the code keeps: who may import whom, licence lines, docstrings, no pickle.

Sources are read, not imported, so that a broken rule is named even where the code does not run.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "dixtill_hf"

# The way of the data. A folder imports those before it, and nothing flows back.
FOLDERS = [
    "artifacts",
    "data",
    "student",
    "teacher",
    "explainers",
    "annotation",
    "evaluation",
    "selective",
    "rationales",
    "distillation",
    "pretraining",
    "export",
    "scoring",
    "baselines",
    "reporting",
    "hub",
    "workflow",
    "search",
    "cli",
]
# An annotation knows no student: teacher and student meet through character spans alone.
STRANGERS = {("teacher", "student"), ("explainers", "student"), ("annotation", "student")}

# These travel to the Hub with a student; any other import would become a need of its users.
HUB_FILES = sorted(path.stem for path in (ROOT / PACKAGE / "student").glob("*_dixtill.py"))
HUB_MODULES = {"torch", "transformers"} | sys.stdlib_module_names

PICKLE_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
PICKLE_CALLS = {"torch.load", "torch.save"}
PICKLE_METHODS = {"read_pickle", "to_pickle"}


def sources(*folders: str) -> list[Path]:
    """The Python files below these folders of the repository."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def dotted_name(path: Path) -> list[str]:
    """The parts of a module's name; those of a package's `__init__.py` end with `__init__`."""
    return list(path.relative_to(ROOT).with_suffix("").parts)


def import_statements(
    node: ast.AST, inside_functions: bool
) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements below a node, those that run only in a call where asked for."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif inside_functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from import_statements(child, inside_functions)


def imported_names(
    source: str, module: list[str], inside_functions: bool = False
) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of all that a module imports.

    `from a.b import c` gives `a.b.c`, whether c is a module or a name in one.
    """
    for statement in import_statements(ast.parse(source), inside_functions):
        if isinstance(statement, ast.Import):
            parents: list[str] = []
        else:
            above = module[: -statement.level] if statement.level else []
            parents = [*above, *(statement.module.split(".") if statement.module else [])]
        for alias in statement.names:
            yield statement.lineno, ".".join([*parents, alias.name])


def may_import(importer: str, imported: str) -> bool:
    """Whether a folder of the package may import another when it is loaded."""
    if importer == imported:
        return True
    in_order = FOLDERS.index(imported) < FOLDERS.index(importer)
    return in_order and (importer, imported) not in STRANGERS


def wrong_folder_imports(source: str, module: list[str]) -> list[str]:
    """The imports, made when the module is loaded, of folders that its own must not know."""
    found = []
    for line, name in imported_names(source, module):
        parts = name.split(".")
        known = parts[0] == PACKAGE and len(parts) > 1 and parts[1] in FOLDERS
        if known and not may_import(module[1], parts[1]):
            found.append(f"{'.'.join(module)}:{line} imports {name}")
    return found


def wrong_hub_imports(source: str) -> list[str]:
    """The imports that a file which travels to the Hub must not hold, not even in a function."""
    found = []
    for statement in import_statements(ast.parse(source), inside_functions=True):
        if isinstance(statement, ast.Import):
            allowed = all(alias.name.split(".")[0] in HUB_MODULES for alias in statement.names)
        elif statement.level:
            allowed = statement.level == 1 and statement.module in HUB_FILES
        else:
            allowed = (statement.module or "").split(".")[0] in HUB_MODULES
        if not allowed:
            found.append(f"line {statement.lineno}: {ast.unparse(statement)}")
    return found


def hub_imports(name: str) -> set[str]:
    """The files that a file which travels to the Hub imports from its own folder."""
    path = ROOT / PACKAGE / "student" / f"{name}.py"
    names = imported_names(path.read_text("utf-8"), dotted_name(path), inside_functions=True)
    own = [name.split(".") for _, name in names if name.startswith(f"{PACKAGE}.student.")]
    return {parts[2] for parts in own}


def pickle_uses(source: str, module: list[str]) -> list[str]:
    """Where a module reads or writes a pickle."""
    found = [
        f"{'.'.join(module)}:{line} imports {name}"
        for line, name in imported_names(source, module, inside_functions=True)
        if name.split(".")[0] in PICKLE_MODULES or name in PICKLE_CALLS
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and (
            node.attr in PICKLE_METHODS or ast.unparse(node) in PICKLE_CALLS
        ):
            found.append(f"{'.'.join(module)}:{node.lineno} uses {ast.unparse(node)}")
        pickles = isinstance(node, ast.keyword) and node.arg == "allow_pickle"
        if pickles and ast.unparse(node.value) != "False":
            found.append(f"{'.'.join(module)}:{node.lineno} sets allow_pickle")
    return found


def test_folders_are_those_of_the_design() -> None:
    folders = {path.parent.name for path in (ROOT / PACKAGE).glob("*/__init__.py")}
    assert folders <= set(FOLDERS)


def test_folders_import_only_those_before_them() -> None:
    found = [
        wrong
        for path in sources(*(f"{PACKAGE}/{folder}" for folder in FOLDERS))
        for wrong in wrong_folder_imports(path.read_text("utf-8"), dotted_name(path))
    ]
    assert found == []


@pytest.mark.parametrize("name", HUB_FILES)
def test_hub_files_need_only_torch_and_transformers(name: str) -> None:
    path = ROOT / PACKAGE / "student" / f"{name}.py"
    assert wrong_hub_imports(path.read_text("utf-8")) == []


@pytest.mark.parametrize("name", HUB_FILES)
def test_hub_files_import_all_that_their_imports_need(name: str) -> None:
    """Transformers copies the files that one from a directory imports, not those these import."""
    imported = hub_imports(name)
    assert set().union(*map(hub_imports, imported)) <= imported


def test_folders_re_export_nothing() -> None:
    heavy = []
    for path in (ROOT / PACKAGE).glob("*/**/__init__.py"):
        body = ast.parse(path.read_text("utf-8")).body
        if len(body) != 1 or not isinstance(body[0], ast.Expr):
            heavy.append(str(path.relative_to(ROOT)))
    assert heavy == []


def test_files_begin_with_the_licence_and_a_docstring() -> None:
    bare = []
    for path in sources(PACKAGE, "runtime", "tests", "examples", "benchmarks", "research"):
        source = path.read_text("utf-8")
        lines = [line for line in source.splitlines()[:2] if not line.startswith("#!")]
        licensed = lines[:1] == ["# SPDX-License-Identifier: Apache-2.0"]
        if not licensed or not ast.get_docstring(ast.parse(source)):
            bare.append(str(path.relative_to(ROOT)))
    assert bare == []


def test_nothing_is_pickled() -> None:
    found = [
        use
        for path in sources(PACKAGE, "runtime", "examples", "benchmarks", "research")
        for use in pickle_uses(path.read_text("utf-8"), dotted_name(path))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("folder", "source", "wrong"),
    [
        ("teacher", "from dixtill_hf.data.columns import TEXT", False),
        ("teacher", "from .loading import load_teacher", False),
        ("teacher", "import dixtill_hf.student.explaining", True),
        ("data", "from dixtill_hf.student.modeling_dixtill import DixtillOutput", True),
        ("data", "from ..student import tokenization", True),
        ("data", "from dixtill_hf import student", True),
        ("data", "if True:\n    import dixtill_hf.cli.main", True),
        ("distillation", "def f():\n    from dixtill_hf.reporting import report", False),
        ("cli", "from dixtill_hf.workflow import run", False),
    ],
)
def test_the_import_rule_sees_what_it_must(folder: str, source: str, wrong: bool) -> None:
    assert bool(wrong_folder_imports(source, [PACKAGE, folder, "module"])) is wrong


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("import math\nimport torch.nn as nn\nfrom transformers import PretrainedConfig", False),
        ("from .configuration_dixtill import DixtillConfig", False),
        ("from dixtill_hf.student.configuration_dixtill import DixtillConfig", True),
        ("from .tokenization import train_word_tokenizer", True),
        ("from ..data import columns", True),
        ("from . import configuration_dixtill", True),
        ("def f():\n    import numpy", True),
    ],
)
def test_the_hub_rule_sees_what_it_must(source: str, wrong: bool) -> None:
    assert bool(wrong_hub_imports(source)) is wrong


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("import json\nload = json.load", False),
        ("def f():\n    import pickle", True),
        ("from torch import load", True),
        ("import torch\nweights = torch.load('x')", True),
        ("numpy.load('x', allow_pickle=True)", True),
        ("numpy.load('x', allow_pickle=False)", False),
        ("pandas.read_pickle('x')", True),
    ],
)
def test_the_pickle_rule_sees_what_it_must(source: str, wrong: bool) -> None:
    assert bool(pickle_uses(source, [PACKAGE, "data", "module"])) is wrong
