# SPDX-License-Identifier: Apache-2.0
"""Highlighted texts as a static picture: one of each label, the teacher above the student."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle

from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.highlights import AGAINST_COLOUR, FOR_COLOUR, Segment, segments
from dixtill_hf.reporting.style import RESOLUTION, TEXT_COLOUR, WIDTH

# All letters are as wide as each other, so that where a word stands needs no measuring: a whole
# number of pixels in the PNG, to which its letters would be moved else.
_FONT = "DejaVu Sans Mono"
_LETTER_PIXELS = 13
# Width of a letter of this font over its size.
_LETTER_SHARE = 0.602
# Inches.
_LETTER = _LETTER_PIXELS / RESOLUTION
_FONT_SIZE = 72 * _LETTER / _LETTER_SHARE
_LINE = 0.25
_MARGIN = 0.15
_LETTERS = int((WIDTH - 2 * _MARGIN) / _LETTER)
# More labels, or longer texts, belong on the page of explanations.
_MOST_LABELS = 10
_MOST_LETTERS = 3 * _LETTERS
# Strongest ground, as on that page: the words stay readable.
_OPACITY = 0.65
_SCALE_STEPS = 41

# A word or a part of one: line, column, segment, its text.
_Placed = tuple[int, int, Segment, str]


def highlight_figure(explanations: Mapping[str, Any]) -> Figure | None:
    """For each label the first text that both models file under it, if it can be shown.

    A text can be shown if it is short, runs from left to right, and the font of the figures has
    its letters. Labels without such a text, and those beyond the tenth, are left out.

    Args:
        explanations: Contents of explanations.json.

    Returns:
        The figure, None where no text can be shown.
    """
    labels = explanations["labels"][:_MOST_LABELS]
    found = [_first_of(label, explanations["examples"]) for label in labels]
    examples = [example for example in found if example is not None]
    if not examples:
        return None
    blocks = [(example, who) for example in examples for who in ("teacher", "student")]
    placed = [_placed(example, who) for example, who in blocks]
    heights = [
        _LINE * (1 + _lines(words)) + _gap(who)
        for words, (_, who) in zip(placed, blocks, strict=True)
    ]
    height = sum(heights) + 2 * _MARGIN + _LINE
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    # One unit is an inch, and the first line is at the top.
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.axis("off")
    top = _MARGIN
    for words, (example, who), needed in zip(placed, blocks, heights, strict=True):
        _draw_side(axes, top, who, example[who], words)
        top += needed
    _draw_scale(axes, top)
    return figure


def _first_of(label: str, examples: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next(
        (
            example
            for example in examples
            if example["teacher"]["label"] == example["student"]["label"] == label
            and example["label"] in (label, None)
            and _can_be_shown(example["text"])
        ),
        None,
    )


def _can_be_shown(text: str) -> bool:
    letters = get_font(findfont(FontProperties(family=_FONT))).get_charmap()
    return len(text) <= _MOST_LETTERS and all(
        sign.isspace() or (ord(sign) in letters and _is_plain(sign)) for sign in text
    )


def _is_plain(sign: str) -> bool:
    """Whether a letter runs from left to right and stands in a place of its own."""
    right_to_left = unicodedata.bidirectional(sign) in ("R", "AL", "AN")
    return not right_to_left and not unicodedata.category(sign).startswith(("M", "C"))


def _placed(example: Mapping[str, Any], who: str) -> list[_Placed]:
    """Where each word of one explanation stands."""
    side = example[who]
    cut = segments(example["text"], side["spans"], side["scores"], example.get("rationale"))
    placed: list[_Placed] = []
    line = column = 0
    for word in _words(cut):
        length = sum(len(text) for _, text in word)
        if column and column + length > _LETTERS:
            line, column = line + 1, 0
        for segment, text in word:
            while text:
                if column == _LETTERS:
                    line, column = line + 1, 0
                part, text = text[: _LETTERS - column], text[_LETTERS - column :]
                placed.append((line, column, segment, part))
                column += len(part)
        column = min(column + 1, _LETTERS)
    return placed


def _words(cut: Sequence[Segment]) -> Iterator[list[tuple[Segment, str]]]:
    """The parts between white space, each with the segments that it consists of."""
    word: list[tuple[Segment, str]] = []
    for segment in cut:
        for place, part in enumerate(re.split(r"\s+", segment.text)):
            if place and word:
                yield word
                word = []
            if part:
                word.append((segment, part))
    if word:
        yield word


def _lines(placed: Sequence[_Placed]) -> int:
    return 1 + max((line for line, *_ in placed), default=0)


def _gap(who: str) -> float:
    """Room below a text: little between the two of a pair."""
    return 0.25 * _LINE if who == "teacher" else _LINE


def _draw_side(
    axes: Axes, top: float, who: str, side: Mapping[str, Any], placed: Sequence[_Placed]
) -> None:
    """The model and what it predicts, and below it the coloured words."""
    head = f"{who}: {side['label']} {fmt.percent(side['probability'])}"
    _write(axes, _MARGIN, top, head, fontsize=9, fontweight="bold")
    for line, column, segment, text in placed:
        left, upper = _MARGIN + column * _LETTER, top + (1 + line) * _LINE
        right = left + len(text) * _LETTER
        _draw_ground(axes, left, upper, right - left, segment.strength)
        _write(axes, left, upper, text, fontsize=_FONT_SIZE, fontfamily=_FONT)
        if segment.marked:
            axes.plot([left, right], [upper + _LINE] * 2, color=TEXT_COLOUR, linewidth=1)


def _write(axes: Axes, left: float, top: float, text: str, **look: Any) -> None:
    """Text in the line below `top`; a dollar sign in it is a dollar sign."""
    middle = top + _LINE / 2
    axes.text(left, middle, text, va="center_baseline", parse_math=False, **look)


def _draw_ground(axes: Axes, left: float, top: float, width: float, strength: float) -> None:
    """The ground of a word: blue for the predicted label, orange against it."""
    colour = FOR_COLOUR if strength > 0 else AGAINST_COLOUR
    rgba = (*(channel / 255 for channel in colour), _OPACITY * abs(strength))
    axes.add_patch(Rectangle((left, top + 0.02), width, _LINE - 0.04, color=rgba, linewidth=0))


def _draw_scale(axes: Axes, top: float) -> None:
    """What the colours mean."""
    left, width = WIDTH / 2 - 0.9, 1.8 / _SCALE_STEPS
    for step in range(_SCALE_STEPS):
        strength = 2 * step / (_SCALE_STEPS - 1) - 1
        _draw_ground(axes, left + step * width, top, width, strength)
    _write(axes, left - 0.1, top, "against", fontsize=9, ha="right")
    _write(axes, left + 1.9, top, "for the predicted label", fontsize=9)
