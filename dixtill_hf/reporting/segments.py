# SPDX-License-Identifier: Apache-2.0
"""Cuts a text at the borders of its attributed spans, for pages and terminals to colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

Span = Sequence[int]


@dataclass(frozen=True)
class Segment:
    """A stretch of text that is shown in one way.

    Attributes:
        text: Its characters, unchanged: the segments of a text join to the text.
        score: Signed score, None where no span covers it (white space, mostly).
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

    Spans need not cover the text, nor be in order; where several cover one character, as the
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
