# SPDX-License-Identifier: Apache-2.0
"""What every engine offers: a text in, the integers of the specification out."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Answer(NamedTuple):
    """All that a student says of a text, in the integers of the specification.

    Attributes:
        spans: First character of each word and the one behind its last.
        rows: The row of each word; 0 if it is unknown.
        scores: Attention score of each word, QFs.
        contributions: What each word adds to each logit, QF: one tuple of L numbers a word.
        logits: One number a label, QF: its bias and all contributions to it.
        probabilities: One number a label, Q24; empty for regression.
        cut: Whether the text had more words than the student reads.
    """

    spans: list[tuple[int, int]]
    rows: list[int]
    scores: list[int]
    contributions: list[tuple[int, ...]]
    logits: tuple[int, ...]
    probabilities: tuple[int, ...]
    cut: bool


class Engine(Protocol):
    """A student, loaded. It may be used from several threads at once."""

    def run(self, text: str) -> tuple:
        """The fields of an `Answer`."""
