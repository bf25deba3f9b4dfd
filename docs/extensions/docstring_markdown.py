# SPDX-License-Identifier: Apache-2.0
"""Docstrings use Markdown's backticks: code is shown as code, and public names are links."""

import re
from typing import Any

from sphinx.application import Sphinx

import dixtill_hf

NAME = re.compile(r"(?<![`:\w])`(\w+)`(?![`\w])")


def to_restructured_text(lines: list[str], own_name: str = "") -> list[str]:
    """Turn the Markdown of a docstring into what Sphinx reads.

    Args:
        lines: The lines of the docstring.
        own_name: The name that the docstring documents, which is not linked to itself.
    """

    def link(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in dixtill_hf.__all__ or name == own_name:
            return match.group(0)
        return f":py:obj:`~{dixtill_hf.__name__}.{name}`"

    written, in_block = [], False
    for line in lines:
        fence = re.fullmatch(r"(\s*)```(\w*)", line)
        if fence and not in_block:
            written += [f"{fence.group(1)}.. code-block:: {fence.group(2) or 'text'}", ""]
            in_block = True
        elif fence:
            in_block = False
        else:
            written.append(f"    {line}" if in_block else NAME.sub(link, line))
    return written


def setup(app: Sphinx) -> dict[str, bool]:
    """Convert each docstring before napoleon reads its sections."""

    def convert(
        app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
    ) -> None:
        lines[:] = to_restructured_text(lines, name.rsplit(".", 1)[-1])
        if what in ("attribute", "property"):
            lines[:0] = ["..", ""]  # napoleon takes a first line with a colon for "type: text"

    app.connect("autodoc-process-docstring", convert, priority=400)
    return {"parallel_read_safe": True}
