# SPDX-License-Identifier: Apache-2.0
"""What every engine offers: a text in, the integers of the specification out."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from dixtill_runtime.predictions import Prediction


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
    """A student, loaded. It may be used from several threads at once.

    Attributes:
        labels: Names of the labels.
        problem_type: `"single_label_classification"`, `"multi_label_classification"` or
            `"regression"`.
        explanation: What explains a prediction: `"contributions"` or `"attention"`.
        logit_unit: One unit of the integer logits and contributions, a power of two.
        score_unit: One unit of the integer attention scores, a power of two.
        thresholds: Probability from which on a text has each label; empty unless a text may have
            several.
        answer_threshold: Least probability of a prediction that is an answer; 0 if every one is.
        meta: The section `meta`, JSON; empty if there is none.
    """

    labels: tuple[str, ...]
    problem_type: str
    explanation: str
    logit_unit: float
    score_unit: float
    thresholds: tuple[float, ...]
    answer_threshold: float
    meta: bytes

    def run(self, text: str, /) -> tuple:
        """The fields of an `Answer`."""

    def predict(self, text: str, /) -> Prediction:
        """Classify and explain a text."""
