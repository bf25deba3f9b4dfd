# SPDX-License-Identifier: Apache-2.0
"""Renders the templates of this package: HTML with everything escaped, Markdown as it stands."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=lambda name: name is not None and name.endswith(".html.jinja"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, **values: Any) -> str:
    """Text of a template in templates/; a value that it needs and does not get is an error."""
    return _ENVIRONMENT.get_template(template).render(**values)
