# SPDX-License-Identifier: Apache-2.0
"""Explanations as coloured words: teacher and student side by side on a page, or in a terminal.

Blue speaks for the predicted label, orange against it: a pair that the colour-blind tell apart.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, TextIO

from dixtill_hf.artifacts.markdown import one_line
from dixtill_hf.data.text_pairs import is_pair, place_in_pair
from dixtill_hf.reporting import formatting as fmt
from dixtill_hf.reporting.formatting import render

if TYPE_CHECKING:
    from dixtill_hf.student.explaining import Explanation


Span = Sequence[int]


@dataclass(frozen=True)
class Segment:
    """A stretch of text that is shown in one way.

    Attributes:
        text: Its characters, unchanged: the segments of a text join to the text.
        score: Signed score, None if no span covers it (white space, mostly).
        strength: Score divided by the largest absolute score of the text, in [-1, 1].
        marked: Whether the gold rationale covers it.
    """

    text: str
    score: float | None
    strength: float
    marked: bool


def segments(
    text: str,
    spans: Sequence[Span],
    scores: Sequence[float],
    rationale: Sequence[Span] | None = None,
) -> list[Segment]:
    """Cut a text into segments of one score each.

    Spans need not cover the text, nor be in order; if several cover one character, as the
    pieces of an emoji do, their scores add up.

    Args:
        text: Any string.
        spans: Start and end of each attributed piece, in characters.
        scores: One per span.
        rationale: Start and end of each stretch that carries the gold label, if known.

    Raises:
        ValueError: The numbers of spans and scores differ, or a span leaves the text.
    """
    if len(spans) != len(scores):
        raise ValueError(f"{len(spans)} spans and {len(scores)} scores: there must be as many")
    covering = _coverage(text, spans)
    marks = _coverage(text, rationale or [])
    runs = groupby(range(len(text)), key=lambda at: (covering[at], bool(marks[at])))
    cut = []
    for (indices, marked), positions in runs:
        score = sum(scores[index] for index in indices) if indices else None
        cut.append(("".join(text[at] for at in positions), score, marked))
    largest = max((abs(score) for _, score, _ in cut if score is not None), default=0.0) or 1.0
    return [
        Segment(part, score, 0.0 if score is None else score / largest, marked)
        for part, score, marked in cut
    ]


def _coverage(text: str, spans: Sequence[Span]) -> list[tuple[int, ...]]:
    """For each character the indices of the spans that cover it."""
    covering: list[tuple[int, ...]] = [()] * len(text)
    for index, (start, end) in enumerate(spans):
        if not 0 <= start <= end <= len(text):
            raise ValueError(
                f"span {index} is [{start}, {end}), but the text has {len(text)} characters"
            )
        for at in range(start, end):
            covering[at] += (index,)
    return covering


Colour = tuple[int, int, int]

FOR_COLOUR: Colour = (0, 114, 178)
AGAINST_COLOUR: Colour = (213, 94, 0)
# A terminal may be light or dark: a word is shown on a dark ground of its own, grey where weak.
_WEAK_COLOUR: Colour = (88, 88, 88)
_WORD_COLOUR = "97"
# Words that say less than this share of the strongest keep the colours of the terminal.
_SHOWN_FROM = 0.1
# Words that the page shows for each label.
_MOST_WORDS = 12
# The levels of each channel in the colour cube of 256-colour terminals.
_CUBE_LEVELS = (0, 95, 135, 175, 215, 255)


def html_page(explanations: Mapping[str, Any], title: str = "Explanations") -> str:
    """A self-contained HTML page of texts with teacher's and student's highlights side by side.

    Nothing is loaded from elsewhere, every text is escaped, and each explanation is coloured
    relative to its own largest absolute score.

    Args:
        explanations: Contents of explanations.json.
        title: Heading of the page.

    Raises:
        ValueError: A label is not among `labels`, or spans do not fit their text.
    """
    labels = list(explanations["labels"])
    examples = [_example(example, labels) for example in explanations["examples"]]
    words = _words_of_labels(explanations["examples"], labels)
    return render(
        "explanations.html.jinja",
        title=title,
        labels=[one_line(label) for label in labels],
        examples=examples,
        words=words if any(found for _, found in words) else [],
        for_colour=" ".join(map(str, FOR_COLOUR)),
        against_colour=" ".join(map(str, AGAINST_COLOUR)),
        of_attention=explanations.get("student_explanation") == "attention",
        any_gold=any(example["gold"] is not None for example in examples),
        any_unknown=any(example["unknown"] for example in examples),
        any_rationale=any(example["has_rationale"] for example in examples),
    )


def terminal(explanation: Explanation, stream: TextIO | None = None) -> str:
    """An explanation as lines for a terminal: coloured words, or words with their scores.

    If several labels are explained, each has lines of its own.

    Colours are used if the stream is a terminal that has them and the environment variable
    NO_COLOR is unset or empty: 24-bit if COLORTERM says so, else 256 colours. Otherwise each word
    has a line with its score. Control characters of the text are replaced.

    Args:
        explanation: What `explain` returns for one text.
        stream: Where the lines will be written. Defaults to standard output.
    """
    bits = _colour_bits(sys.stdout if stream is None else stream)
    return "\n".join(_lines(explanation, label, bits) for label in explanation.scores_by_label)


def _lines(explanation: Explanation, label: str, bits: int) -> str:
    """The explanation of one label."""
    parts = segments(explanation.text, explanation.spans, explanation.scores_by_label[label])
    probability = explanation.probabilities.get(label)
    value = explanation.logits[label]
    number = f"{value:.3f}" if probability is None else fmt.percent(probability)
    head = f"{one_line(label)}  {number}"
    if bits == 0:
        return "\n".join([head, *_plain_lines(parts, explanation.text)])
    scale = "".join(_painted("   ", step / 2, bits) for step in range(-2, 3))
    words = "".join(_painted(_visible(part.text), part.strength, bits) for part in parts)
    return f"\x1b[1m{head}\x1b[0m   against {scale} for\n{words}"


def _plain_lines(parts: Sequence[Segment], text: str) -> list[str]:
    """The words of a text with their scores, a line each; an empty line between texts of a pair."""
    lines, end = [], 0
    for part in parts:
        start, end = end, end + len(part.text)
        if is_pair(text) and place_in_pair(text, start, end)[0] != place_in_pair(text, end, end)[0]:
            lines.append("")
        if part.score is not None:
            lines.append(f"{part.score:+9.4f}  {_visible(part.text)}")
    return lines


def _example(example: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """What the page shows of one text."""
    gold, rationale = example["label"], example.get("rationale")
    golds = example.get("labels") or [gold]
    sides = [
        {
            "who": who,
            "label": one_line(example[who]["label"]),
            "probability": probability_of(example[who]),
            "confidence": example[who]["probability"] or 0.0,
            "correct": None if gold is None else example[who]["label"] in golds,
            "sum": sum(example[who]["scores"]),
            "segments": _segments_of(example["text"], example[who], rationale),
        }
        for who in ("teacher", "student")
    ]
    # Texts without a gold label are found by what the teacher says of them.
    filed_under = example["teacher"]["label"] if gold is None else gold
    if filed_under not in labels:
        raise ValueError(f"label {filed_under!r} of a text is not one of {', '.join(labels)}")
    return {
        "gold": None if gold is None else one_line(", ".join(golds)),
        "label_index": labels.index(filed_under),
        "disagrees": example["teacher"]["label"] != example["student"]["label"],
        "unknown": fmt.percent(example["unknown_words"]) if example.get("unknown_words") else "",
        "has_rationale": bool(rationale),
        "sides": sides,
    }


def probability_of(side: Mapping[str, Any]) -> str:
    """The probability of a side's label; of a regression the value."""
    if side["probability"] is None:
        return f"{side['value']:.3f}"
    return fmt.percent(side["probability"])


def _words_of_labels(
    examples: Sequence[Mapping[str, Any]], labels: Sequence[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    """For each label the words that speak most for it in the student's explanations.

    Only texts that the student files under the label count, and only words of two texts or more.
    Words are ranked by the sum of their scores over these texts; upper case does not matter.
    """
    found = []
    for label in labels:
        scores: dict[str, list[float]] = {}
        for example in examples:
            if example["student"]["label"] == label:
                for word, score in _scores_of_words(example["text"], example["student"]).items():
                    scores.setdefault(word, []).append(score)
        ranked = sorted(scores, key=lambda word: -sum(scores[word]))
        rows = [
            {"word": one_line(word), "texts": len(given), "mean": sum(given) / len(given)}
            for word, given in ((word, scores[word]) for word in ranked)
            if len(given) > 1 and sum(given) > 0
        ]
        found.append((one_line(label), rows[:_MOST_WORDS]))
    return found


def _scores_of_words(text: str, side: Mapping[str, Any]) -> dict[str, float]:
    """The score of each different word of a text; of a word that occurs again, the sum."""
    scores: dict[str, float] = {}
    for (start, end), score in zip(side["spans"], side["scores"], strict=True):
        word = text[start:end].lower()
        scores[word] = scores.get(word, 0.0) + score
    return scores


def _segments_of(
    text: str, side: Mapping[str, Any], rationale: Sequence[Span] | None
) -> list[Segment]:
    return segments(text, side["spans"], side["scores"], rationale)


def _colour_bits(stream: TextIO) -> int:
    """How many bits of colour the stream shows: 24, 8 or 0."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty():
        return 0
    return 24 if os.environ.get("COLORTERM") in ("truecolor", "24bit") else 8


def _painted(word: str, strength: float, bits: int) -> str:
    """A word on the ground that its strength, in [-1, 1], calls for."""
    if abs(strength) < _SHOWN_FROM:
        return word
    ground = _blend(_WEAK_COLOUR, FOR_COLOUR if strength > 0 else AGAINST_COLOUR, abs(strength))
    code = f"2;{ground[0]};{ground[1]};{ground[2]}" if bits == 24 else f"5;{_cube_index(ground)}"
    return f"\x1b[{_WORD_COLOUR};48;{code}m{word}\x1b[0m"


def _blend(first: Colour, second: Colour, share: float) -> Colour:
    """The colour that lies `share` of the way from the first to the second."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _cube_index(colour: Colour) -> int:
    """Number of the nearest colour in the 6 × 6 × 6 cube of 256-colour terminals."""
    red, green, blue = (
        min(range(6), key=lambda at: abs(_CUBE_LEVELS[at] - channel)) for channel in colour
    )
    return 16 + 36 * red + 6 * green + blue


def _visible(text: str) -> str:
    """The text with control characters replaced, so that it cannot command the terminal."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if unicodedata.category(sign) == "Cc" and sign not in "\n\t"
        else sign
        for sign in text
    )
