# SPDX-License-Identifier: Apache-2.0
"""What was read never becomes markup, nor commands a terminal."""

import pytest

from dixtill_hf.artifacts.markdown import escaped, one_line, render


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("two\n lines\tand\u2028more", "two lines and more"),
        ("\x1b[31mred\x1b[0m", "\ufffd[31mred\ufffd[0m"),
        ("\x00\x7f\x9b", "\ufffd\ufffd\ufffd"),
        ("naïve 你好 👍🏽", "naïve 你好 👍🏽"),
        (7, "7"),
    ],
)
def test_any_value_is_one_line_without_commands(value, line):
    assert one_line(value) == line


@pytest.mark.parametrize(
    ("value", "markdown"),
    [
        ("a|b", r"a\|b"),
        ("*bold* `code` [link](x)", r"\*bold\* \`code\` \[link\](x)"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("R&D", "R&amp;D"),
        ("_x_ snake_case", r"\_x\_ snake_case"),
        ("$x$ ~y~", r"\$x\$ \~y\~"),
    ],
)
def test_markup_is_shown_and_not_obeyed(value, markdown):
    assert escaped(value) == markdown


def test_html_templates_escape_and_markdown_templates_do_not(tmp_path):
    for name in ("page.html.jinja", "page.md.jinja"):
        (tmp_path / name).write_text("{{ text }}")
    assert render(tmp_path, "page.html.jinja", text="<b>") == "&lt;b&gt;"
    assert render(tmp_path, "page.md.jinja", text="<b>") == "<b>"
