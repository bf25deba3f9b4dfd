# SPDX-License-Identifier: Apache-2.0
"""A page that runs a student in the browser: one file, no server, no network."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple, TypedDict


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


class TeacherFigures(NamedTuple):
    """The teacher that the page compares its student with.

    Attributes:
        name: What it is called.
        bytes: Bytes of its weights.
        milliseconds: Time for one text; None if it was not measured.
        setting: How and on which machine that was measured, as a sentence.
    """

    name: str
    bytes: int
    milliseconds: float | None
    setting: str


def page(
    student: bytes | None = None,
    name: str = "student",
    examples: Sequence[Example] = (),
    teacher: TeacherFigures | None = None,
    model: str | None = None,
) -> str:
    """The page as HTML.

    Args:
        student: The bytes of a `.dxt` file; without it the page asks for a file.
        name: What the student is called, for the title.
        examples: Texts that the page offers to try, next to the teacher's explanations.
        teacher: The teacher that the student is compared with.
        model: Address of the student's page, to link to.
    """
    folder = files(__package__)
    parts = {
        "TITLE": html.escape(name),
        "STYLE": (folder / "page.css").read_text(encoding="utf-8"),
        "SCRIPT": (folder / "page.js").read_text(encoding="utf-8"),
        "CORE": base64.b64encode((folder / "dixtill.wasm").read_bytes()).decode("ascii"),
        "STUDENT": base64.b64encode(student or b"").decode("ascii"),
        "EXAMPLES": _in_a_script(examples),
        "ABOUT": _in_a_script({"teacher": teacher and teacher._asdict(), "model": model}),
    }
    pieces = (folder / "page.html").read_text(encoding="utf-8").split("%%")
    # Every second piece is the name of a part.
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


def _in_a_script(value: Any) -> str:
    """JSON for a script element, which a "<" could end."""
    return json.dumps(value).replace("<", "\\u003c")
