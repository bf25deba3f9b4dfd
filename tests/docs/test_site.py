# SPDX-License-Identifier: Apache-2.0
"""The site's own extensions: links that leave docs/, tables of fields, undocumented names."""

import dataclasses
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import dixtill_hf

pytest.importorskip("sphinx", reason="the extra docs is not installed")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "docs" / "extensions"))

import docstring_markdown
import field_tables
import public_names
import repository_links


@dataclasses.dataclass
class Fields:
    """Some fields."""

    needed: str
    left_out: int | None = None
    names: list[str] = dataclasses.field(default_factory=lambda: ["a", "b"])


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("(../README.md)", "(https://host/project/blob/main/README.md)"),
        ("(../examples/recipes)", "(https://host/project/tree/main/examples/recipes)"),
        ("(../benchmarks/results/tweets/report.md#quality)", "(/results/tweets.md#quality)"),
        ("(method.md#variants)", "(method.md#variants)"),
        ("(https://example.org/a.md)", "(https://example.org/a.md)"),
    ],
)
def test_links_that_leave_the_documentation(link: str, target: str) -> None:
    pages = repository_links.including_pages()
    page = repository_links.DOCS / "index.md"
    text = f"See [this]{link}, and ![a picture](../README.md)."
    written = repository_links.rewrite(text, page, pages, "https://host/project")
    assert written == f"See [this]{target}, and ![a picture](../README.md)."


def test_pages_that_include_a_file_link_from_its_place() -> None:
    pages = repository_links.including_pages()
    file = repository_links.ROOT / "CONTRIBUTING.md"
    written = repository_links.rewrite("[a](docs/method.md#x)", file, pages, "https://host")
    assert written == "[a](/method.md#x)"


def test_defaults_are_written_as_in_a_recipe() -> None:
    found = [field_tables.default_of(field) for field in dataclasses.fields(Fields)]
    assert found == ["–", "not set", "[a, b]"]


def test_fields_of_other_packages_are_left_out() -> None:
    from dixtill_hf.distillation.arguments import DistillationArguments

    names = {field.name for field in field_tables.own_fields(DistillationArguments)}
    assert "alpha" in names
    assert "adam_beta1" not in names


def test_undocumented_names_are_found() -> None:
    names = dict.fromkeys(f"dixtill_hf.{name}" for name in dixtill_hf.__all__[1:])
    env = SimpleNamespace(domains={"py": SimpleNamespace(objects=names)})
    assert public_names.undocumented(env) == [dixtill_hf.__all__[0]]


def test_public_names_in_docstrings_are_links() -> None:
    lines = [
        "See `annotate`, `label` and ``annotate``.",
        "",
        "```python",
        "annotate(`x`)",
        "```",
        ".",
    ]
    assert docstring_markdown.to_restructured_text(lines) == [
        "See :py:obj:`~dixtill_hf.annotate`, `label` and ``annotate``.",
        "",
        ".. code-block:: python",
        "",
        "    annotate(`x`)",
        ".",
    ]
    assert docstring_markdown.to_restructured_text(["`annotate`"], "annotate") == ["`annotate`"]
