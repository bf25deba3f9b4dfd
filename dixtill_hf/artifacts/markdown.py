# SPDX-License-Identifier: Apache-2.0
"""Markdown and HTML from templates, in which nothing that was read can become markup."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

# What Markdown reads as markup; an underscore inside a word is none.
_MARKS = re.compile(r"[\\|*`~$\[\]]|(?<![^\W_])_|_(?![^\W_])")


def one_line(value: object) -> str:
    """Any value on one line, with control characters replaced, so that none commands a terminal."""
    words = " ".join(str(value).split())
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(sign) == "Cc" else sign
        for sign in words
    )


def escaped(value: object) -> str:
    """Any value as one line of Markdown in which nothing is markup."""
    line = _MARKS.sub(r"\\\g<0>", one_line(value))
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def render(folder: Path, template: str, **values: Any) -> str:
    """Text of a template: HTML with everything escaped, Markdown as it is.

    Args:
        folder: Directory of the templates.
        template: File name, such as "report.md.jinja".
        **values: What the template shows.

    Raises:
        jinja2.UndefinedError: The template needs a value that is not given.
    """
    return _environment(folder).get_template(template).render(**values)


@cache
def _environment(folder: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=lambda name: name is not None and name.endswith(".html.jinja"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
