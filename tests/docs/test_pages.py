# SPDX-License-Identifier: Apache-2.0
"""What the pages name exists: imports, keyword arguments, commands and their options, files.

Sphinx checks the links between pages when the site is built; this needs no Sphinx.
"""

import ast
import contextlib
import importlib
import inspect
import io
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import dixtill_hf
from dixtill_hf.cli import main as command_line
from dixtill_hf.explainers.base import known_explainers

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
]
PAGE_IDS = [str(page.relative_to(ROOT)) for page in PAGES]
every_page = pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)")
COMMAND = re.compile(r"\bdixtill-hf ([a-z]+)\b([^`\n|]*)")
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z_]*)")
DOTTED = re.compile(r"\bdixtill_hf(?:\.\w+)+")
PATH = re.compile(r"(?:dixtill_hf|tests|benchmarks|research|examples|docs)/[\w./-]*\w/?")

# Options of other programs that the pages mention.
FOREIGN_OPTIONS = {"cpu", "num_processes", "nproc_per_node", "requeue"}
# Files that a command of ours makes.
MADE = {"docs/_build/html"}


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of one language on a page."""
    return [code for kind, code in BLOCK.findall(page.read_text("utf-8")) if kind == language]


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or a name in one."""
    try:
        importlib.import_module(dotted)
    except ImportError:
        module, _, name = dotted.rpartition(".")
        return bool(module) and hasattr(importlib.import_module(module), name)
    return True


@cache
def options(command: str) -> str:
    """The help of a command, which names all its options."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit):
        command_line.main([command, "--help"])
    return printed.getvalue()


def has_option(command: str, name: str) -> bool:
    """Whether a command has an option."""
    return re.search(rf"--{name}\b", options(command)) is not None


class Understood(Exception):
    """The arguments of a command were read."""


def read(command: str, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command read its arguments, and stop it before its work."""
    module = importlib.import_module(f"dixtill_hf.cli.{command}")
    read_arguments = getattr(module, "read_arguments", None)
    if read_arguments is None:
        return  # it has options, which are checked by name, and no fields

    def read_only(*given: object) -> None:
        read_arguments(*given)
        raise Understood

    with monkeypatch.context() as patched:
        patched.setattr(module, "read_arguments", read_only)
        with pytest.raises(Understood):
            module.main(argv)


def calls_of_public_names(code: str) -> Iterator[tuple[str, list[str]]]:
    """Name and keyword arguments of each call of a public name."""
    for node in ast.walk(ast.parse(code)):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in dixtill_hf.__all__:
            yield called.id, [one.arg for one in node.keywords if one.arg]


def parameters_of(name: str) -> set[str]:
    """The keyword arguments of a public name, and of what it passes its further ones to."""
    passed_on = {
        "annotate": known_explainers().values(),
        "build_student": [dixtill_hf.DixtillConfig],
        "distill": [dixtill_hf.DistillationArguments],
    }
    called = [getattr(dixtill_hf, name), *passed_on.get(name, [])]
    attributes = {name for name in dir(called[0]) if not name.startswith("_")}  # of a configuration
    return attributes.union(*(inspect.signature(one).parameters for one in called))


@every_page
def test_imports_exist(page: Path) -> None:
    for code in blocks(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dixtill_hf"):
                for alias in node.names:
                    public = node.module != "dixtill_hf" or alias.name in dixtill_hf.__all__
                    assert public, f"{alias.name} is not public"
                    assert exists(f"{node.module}.{alias.name}"), f"{node.module}.{alias.name}"


@every_page
def test_keyword_arguments_exist(page: Path) -> None:
    for code in blocks(page, "python"):
        own = set(re.findall(r"^    (\w+): ", code, re.MULTILINE))  # settings of its own explainer
        for name, keywords in calls_of_public_names(code):
            unknown = set(keywords) - parameters_of(name) - own
            assert not unknown, f"{name} has no {sorted(unknown)}"


@every_page
def test_dotted_names_exist(page: Path) -> None:
    for dotted in DOTTED.findall(page.read_text("utf-8")):
        assert exists(dotted), dotted


@every_page
def test_commands_and_options_exist(page: Path) -> None:
    text = page.read_text("utf-8").replace("\\\n", " ")
    for command, rest in COMMAND.findall(text):
        assert command in command_line.COMMANDS, f"dixtill-hf {command}"
        for option in set(OPTION.findall(rest)) - {"help"}:
            assert has_option(command, option), f"dixtill-hf {command} has no --{option}"


@every_page
def test_commands_are_understood(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for code in blocks(page, "bash"):
        for line in code.replace("\\\n", " ").splitlines():
            if line.startswith("dixtill-hf ") and "--help" not in line:
                _, command, *argv = shlex.split(line, comments=True)
                read(command, argv, monkeypatch)


@every_page
def test_options_in_the_text_exist(page: Path) -> None:
    text = BLOCK.sub("", page.read_text("utf-8"))
    for inline in INLINE.findall(text):
        if inline.startswith("--"):
            for option in set(OPTION.findall(inline)) - FOREIGN_OPTIONS - {"help"}:
                known = any(has_option(command, option) for command in command_line.COMMANDS)
                assert known, f"no command has --{option}"


@every_page
def test_files_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for link in LINK.findall(BLOCK.sub("", text)):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"
    for inline in INLINE.findall(BLOCK.sub("", text)):
        if PATH.fullmatch(inline) and inline not in MADE:
            assert (ROOT / inline).exists(), f"{page.name} names {inline}"
