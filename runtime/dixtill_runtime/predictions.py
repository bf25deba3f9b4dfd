# SPDX-License-Identifier: Apache-2.0
"""What a student says of a text, for people. The compiled engine fills these tuples itself."""

from __future__ import annotations

# typing would double the time that it takes to import this package.
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dixtill_runtime.engine import Answer, Engine

_Q24 = 1 << 24


class Word(namedtuple("Word", ("text", "start", "end", "known", "score", "contributions"))):
    """A word of a text and its part in the prediction.

    Attributes:
        text: The word as it stands in the text.
        start: Its first character in the text.
        end: The character behind its last.
        known: Whether the student knows it; it reads all unknown words alike.
        score: The explanation: `contributions` to the predicted label, or the attention score if
            the student explains itself by attention. Exact.
        contributions: What the word adds to the logit of each label, in the order of
            `Classifier.labels`. Exact: with the biases they sum to the logits to the last bit.
    """

    __slots__ = ()
    text: str
    start: int
    end: int
    known: bool
    score: float
    contributions: tuple[float, ...]


class Prediction(
    namedtuple(
        "Prediction",
        "label probability labels probabilities logits words cut answered",
    )
):
    """What a student says of one text.

    Attributes:
        label: The label with the largest logit.
        probability: Its probability; None for regression.
        labels: The labels that hold: `(label,)`, or those that reach their thresholds if a text
            may have several.
        probabilities: The probability of every label by name; empty for regression.
        logits: The logit of every label by name; for regression the outputs.
        words: The words that the student read.
        cut: Whether the text had more words than the student reads.
        answered: Whether the student is sure enough to answer: whether `probability` reaches
            `Classifier.answer_threshold`. Always true if a text may have several labels, and for
            regression.
    """

    __slots__ = ()
    label: str
    probability: float | None
    labels: tuple[str, ...]
    probabilities: dict[str, float]
    logits: dict[str, float]
    words: tuple[Word, ...]
    cut: bool
    answered: bool


def make_prediction(text: str, answer: Answer, engine: Engine) -> Prediction:
    """A prediction from the integers of an engine.

    Args:
        text: The text.
        answer: What the engine answered to it.
        engine: The engine.
    """
    best = answer.logits.index(max(answer.logits))
    probabilities = [value / _Q24 for value in answer.probabilities]
    return Prediction(
        label=engine.labels[best],
        probability=probabilities[best] if probabilities else None,
        labels=_labels_that_hold(answer, best, engine),
        probabilities=dict(zip(engine.labels, probabilities, strict=False)),
        logits={
            name: logit * engine.logit_unit
            for name, logit in zip(engine.labels, answer.logits, strict=True)
        },
        words=tuple(_words(text, answer, best, engine)),
        cut=answer.cut,
        answered=not engine.answer_threshold or probabilities[best] >= engine.answer_threshold,
    )


def _labels_that_hold(answer: Answer, best: int, engine: Engine) -> tuple[str, ...]:
    if not engine.thresholds:
        return (engine.labels[best],)
    reached = zip(engine.labels, answer.probabilities, engine.thresholds, strict=True)
    return tuple(name for name, value, threshold in reached if value / _Q24 >= threshold)


def _words(text: str, answer: Answer, best: int, engine: Engine) -> list[Word]:
    by_attention = engine.explanation == "attention"
    parts = zip(answer.spans, answer.rows, answer.scores, answer.contributions, strict=True)
    return [
        Word(
            text=text[start:end],
            start=start,
            end=end,
            known=row > 0,
            score=score * engine.score_unit
            if by_attention
            else contributions[best] * engine.logit_unit,
            contributions=tuple(value * engine.logit_unit for value in contributions),
        )
        for (start, end), row, score, contributions in parts
    ]
