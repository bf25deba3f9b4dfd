# SPDX-License-Identifier: Apache-2.0
"""A directive that lists the fields of dataclasses: name, default and help text.

    ```{fields} dixtill_hf.workflow.recipe.DataArguments
    ```

The help texts are those that the command line prints, so the page cannot differ from it.
"""

import dataclasses
import inspect
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx


def own_fields(dataclass: type) -> list[dataclasses.Field[Any]]:
    """The fields that a dataclass itself defines, without inherited ones of other packages."""
    own = {
        name
        for parent in dataclass.__mro__
        if parent.__module__.startswith("dixtill_hf.")
        for name in inspect.get_annotations(parent)
    }
    return [field for field in dataclasses.fields(dataclass) if field.name in own]


def default_of(field: dataclasses.Field[Any]) -> str:
    """The default as one writes it in a recipe; a dash where the field has to be given."""
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        value = field.default
    if value is dataclasses.MISSING:
        return "–"
    if value is None:
        return "not set"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(str, value))}]"
    return str(getattr(value, "value", value))


class FieldTable(Directive):
    """`fields`: a table of the fields of one dataclass, given by its dotted name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        module, name = self.arguments[0].rsplit(".", 1)
        dataclass = getattr(import_module(module), name)
        rows = [
            (field.name, default_of(field), field.metadata.get("help", ""))
            for field in own_fields(dataclass)
        ]
        return [_table(("field", "default", "meaning"), rows)]


def _table(titles: tuple[str, ...], rows: list[tuple[str, str, str]]) -> nodes.table:
    group = nodes.tgroup(cols=len(titles))
    group += [nodes.colspec(colwidth=width) for width in (22, 18, 60)]
    head = nodes.thead()
    head += _row([nodes.Text(title) for title in titles])
    body = nodes.tbody()
    body += [
        _row([nodes.literal(text=name), nodes.literal(text=default), nodes.Text(text)])
        for name, default, text in rows
    ]
    group += [head, body]
    return nodes.table("", group)


def _row(cells: list[nodes.Node]) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        row += nodes.entry("", nodes.paragraph("", "", cell))
    return row


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("fields", FieldTable)
    return {"parallel_read_safe": True}
