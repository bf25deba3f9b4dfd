# SPDX-License-Identifier: Apache-2.0
"""One explained text as a picture in SVG, which a model card on the Hub shows."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from dixtill_hf.artifacts.markdown import one_line
from dixtill_hf.data.text_pairs import TextPair
from dixtill_hf.reporting.highlights import AGAINST_COLOUR, FOR_COLOUR, Segment, segments
from dixtill_hf.student.explaining import Explanation

PICTURE = "explanation.svg"
# In pixels. The width of a character is set with `textLength`, so any monospaced font fits.
_CHARACTER, _LINE, _MARGIN = 9.6, 32, 16
_COLUMNS = 72
_MOST_LINES = 8
# As strong as the strongest word is painted.
_STRONGEST = 0.65

Piece = tuple[str, float]


def explanation_svg(explanation: Explanation) -> str:
    """The text of a prediction, each word on a colour as strong as its score.

    Blue speaks for the label, orange against it. At most eight lines are drawn; "…" ends a longer
    text.

    Args:
        explanation: A prediction with the scores of its words.
    """
    shown = segments(explanation.text, explanation.spans, explanation.scores)
    lines = [line for part in _texts(explanation.text, shown) for line in _lines(part)]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], [("…", 0.0)]]
    share = "" if explanation.probability is None else f" {100 * explanation.probability:.1f} %"
    width = round(2 * _MARGIN + _COLUMNS * _CHARACTER)
    height = 2 * _MARGIN + _LINE * (len(lines) + 1)
    said = escape(one_line(explanation.label) + share)
    words = [part for at, line in enumerate(lines) for part in _drawn(line, at + 1)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" font-family="monospace" font-size="16">',
            f"<title>{said}: {escape(one_line(explanation.text))}</title>",
            f'<rect width="{width}" height="{height}" rx="10" fill="#fff" stroke="#d9dee4"/>',
            f'<text x="{_MARGIN}" y="{_MARGIN + 18}" fill="#1c2024" font-weight="bold">{said}'
            "</text>",
            *words,
            "</svg>\n",
        ]
    )


def _texts(text: str, shown: Sequence[Segment]) -> list[list[Segment]]:
    """The segments of a text; those of a pair by text, so that each begins a line of its own."""
    if not isinstance(text, TextPair):
        return [list(shown)]
    texts: list[list[Segment]] = [[], []]
    start = 0
    for segment in shown:
        texts[start >= text.border].append(segment)
        start += len(segment.text)
    return texts


def _lines(shown: Sequence[Segment]) -> Iterator[list[Piece]]:
    """The pieces of a text, each with its strength, in lines that end at spaces if they can."""
    line: list[Piece] = []
    column = 0
    for segment in shown:
        for piece in _broken(" ".join(segment.text.split()) or " "):
            if column + _width(piece) > _COLUMNS and line:
                yield line
                line, column = [], 0
            if piece == " " and not line:
                continue
            line.append((piece, segment.strength))
            column += _width(piece)
    if line:
        yield line


def _broken(text: str) -> Iterator[str]:
    """A piece of text in parts that fit a line."""
    while _width(text) > _COLUMNS:
        yield text[: _COLUMNS // 2]
        text = text[_COLUMNS // 2 :]
    yield text


def _drawn(line: Sequence[Piece], at: int) -> Iterator[str]:
    top, left = _MARGIN + _LINE * at, float(_MARGIN)
    for piece, strength in line:
        wide = _CHARACTER * _width(piece)
        if strength:
            red, green, blue = FOR_COLOUR if strength > 0 else AGAINST_COLOUR
            yield (
                f'<rect x="{left:.1f}" y="{top}" width="{wide:.1f}" height="24" rx="3" '
                f'fill="rgb({red},{green},{blue})" '
                f'fill-opacity="{_STRONGEST * abs(strength):.2f}"/>'
            )
        if piece.strip():
            yield (
                f'<text x="{left:.1f}" y="{top + 18}" fill="#1c2024" textLength="{wide:.1f}" '
                f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escape(one_line(piece))}'
                "</text>"
            )
        left += wide


def _width(text: str) -> int:
    """Columns that a text takes: two for a wide character of East Asia, none for an accent."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )
