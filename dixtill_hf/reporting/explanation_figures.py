# SPDX-License-Identifier: Apache-2.0
"""The figures about explanations: agreement with the teacher, and words in colour."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from dixtill_hf.artifacts.markdown import one_line
from dixtill_hf.reporting.benchmark.tables import (
    AGREEMENT_NAMES,
    agreement_depths,
    agreement_groups,
    explanation_name,
)
from dixtill_hf.reporting.highlights import (
    AGAINST_COLOUR,
    FOR_COLOUR,
    Segment,
    probability_of,
    segments,
)
from dixtill_hf.reporting.measurements import Estimate, SeedGroup, Series, headline
from dixtill_hf.reporting.plot_style import (
    CONTROL_COLOUR,
    HEIGHT,
    RESOLUTION,
    TEXT_COLOUR,
    WIDTH,
    Look,
    draw_estimates,
    legend_below,
    legend_height,
    series_look,
)

_LINE_STYLES = {"attention": "--", "integrated_gradients": "-.", "shuffled": "--", "random": ":"}
_CONTROLS = ("shuffled", "random")
# Models are moved apart sideways a little, so that no interval hides another.
_SHIFT = 0.05
_MOST_SHIFT = 0.4
_PANEL_HEIGHT = 2.7
_ROOM_ABOVE = 1.04  # for the markers of the highest values


@dataclass(frozen=True)
class _Curve:
    """One explanation: its name, its look, and its value of a measure such as "cosine"."""

    name: str
    look: Look
    estimate: Callable[[str], Estimate | None]


def agreement_figure(metrics: Mapping[str, Any], series: Sequence[Series]) -> Figure | None:
    """Agreement at k: of the explanations that a benchmark compared, else of the students'.

    Of a benchmark, as in Cantini et al. (2024): what the student that the report is about says of
    itself, with its controls, and Integrated Gradients of the other students of its preset. All
    others are in the tables.
    """
    groups = [one for one in agreement_groups(metrics) if _is_shown(one, headline(series))]
    if groups:
        curves = [_benchmark_curve(group, groups) for group in groups]
        depths = agreement_depths(groups)
    else:
        explained = [one for one in series if one.depths]
        curves = [_run_curve(one, series) for one in explained]
        depths = sorted({k for one in explained for k in one.depths})
    measures = [key for key in AGREEMENT_NAMES if _is_measured(key, depths, curves)]
    return _draw(curves, depths, measures) if measures else None


def _is_shown(group: SeedGroup, subject: Series) -> bool:
    if group.preset not in (None, subject.preset):
        return False
    if group.method == subject.method:
        return group.setting != "integrated_gradients"
    return group.setting in ("integrated_gradients", "coefficients")


def _draw(curves: Sequence[_Curve], depths: Sequence[int], measures: Sequence[str]) -> Figure:
    handles = [Line2D([], [], label=curve.name, **curve.look) for curve in curves]
    rows = -(-len(measures) // 2)
    panel = HEIGHT if rows == 1 else _PANEL_HEIGHT * rows
    height = panel + legend_height(handles)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = list(figure.subplots(rows, 2, sharey="row", squeeze=False).flat)
    step = min(_SHIFT, _MOST_SHIFT / len(curves))
    for axes, key in zip(panels, measures, strict=False):
        for position, curve in enumerate(curves):
            found = [curve.estimate(f"{key}@{k}") for k in depths]
            shift = step * (position - (len(curves) - 1) / 2)
            draw_estimates(axes, [k + shift for k in depths], found, curve.look)
        axes.set(title=AGREEMENT_NAMES[key], xticks=depths)
        axes.grid(axis="x", visible=False)
    for axes in panels[len(measures) :]:
        axes.remove()
    for axes in panels[len(measures) - 2 : len(measures)]:
        axes.set_xlabel("k, the most important words")
    for axes in panels[: len(measures) : 2]:
        # Only now: a limit that is set takes no notice of what the row's other panel shows.
        axes.set_ylim(0, _ROOM_ABOVE * axes.get_ylim()[1])
        axes.set_ylabel("agreement with the teacher" if rows == 1 else "agreement")
    legend_below(figure, handles)
    return figure


def _benchmark_curve(group: SeedGroup, groups: Sequence[SeedGroup]) -> _Curve:
    kind = group.setting
    look = series_look(group, groups) | {
        "linestyle": _LINE_STYLES.get(kind, "-"),
        "markersize": 5,
    }
    if kind in _CONTROLS:
        look["color"] = CONTROL_COLOUR
    return _Curve(f"{group.name}: {explanation_name(kind)}", look, group.estimate)


def _run_curve(one: Series, series: Sequence[Series]) -> _Curve:
    return _Curve(
        one.name,
        series_look(one, series),
        lambda measure: one.estimate(f"explanation.{measure}"),
    )


def _is_measured(key: str, depths: Sequence[int], curves: Sequence[_Curve]) -> bool:
    return any(curve.estimate(f"{key}@{k}") for curve in curves for k in depths)


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
        The figure, None if no text can be shown.
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
            and "texts" not in example  # the figure has one line a text, and a pair needs two
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
    head = f"{who}: {one_line(side['label'])} {probability_of(side)}"
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
