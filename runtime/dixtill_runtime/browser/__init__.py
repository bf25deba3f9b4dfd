# SPDX-License-Identifier: Apache-2.0
"""A page that runs a student in the browser: one file, no server, no network."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import TypedDict


class Teacher(TypedDict):
    """What the student's teacher says of a text.

    Attributes:
        label: The label that it predicts and explains.
        segments: The text in pieces: a word with its score, or what lies between words with None.
    """

    label: str
    segments: list[tuple[str, float | None]]


class Example(TypedDict):
    """A text that the page offers.

    Attributes:
        text: The text.
        teacher: What the teacher says of it; None if that is not known.
    """

    text: str
    teacher: Teacher | None


def page(
    student: bytes | None = None, name: str = "student", examples: Sequence[Example] = ()
) -> str:
    """The page as HTML.

    Args:
        student: The bytes of a `.dxt` file; without it the page asks for a file.
        name: What the student is called, for the title.
        examples: Texts that the page offers to try, next to the teacher's explanations.
    """
    folder = files(__package__)
    parts = {
        "TITLE": html.escape(name),
        "STYLE": (folder / "page.css").read_text(encoding="utf-8"),
        "SCRIPT": (folder / "page.js").read_text(encoding="utf-8"),
        "CORE": base64.b64encode((folder / "dixtill.wasm").read_bytes()).decode("ascii"),
        "STUDENT": base64.b64encode(student or b"").decode("ascii"),
        # In a script element "<" could end it.
        "EXAMPLES": json.dumps(examples).replace("<", "\\u003c"),
    }
    pieces = (folder / "page.html").read_text(encoding="utf-8").split("%%")
    # Every second piece is the name of a part.
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))
