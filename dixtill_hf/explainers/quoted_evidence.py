# SPDX-License-Identifier: Apache-2.0
"""Words of the text that a language model, or a person, named as evidence for its label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dixtill_hf.data.quotes import Quote, find_quote, read_quotes
from dixtill_hf.data.text_pairs import shifted_parts
from dixtill_hf.data.words import word_spans
from dixtill_hf.explainers.base import Attribution, Explainer, read_logits, register_explainer
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.loading import Teacher


def score_words(
    text: str, answers: Sequence[Sequence[Quote]], label: str | None
) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Score the words of a text by the quotes in which they stand.

    A word's score is the share of the answers that quote it for the label, less the share that
    quote it for another one. Words that nobody quotes score 0.

    Args:
        text: The text, or a pair.
        answers: The quotes of every answer, at least one answer.
        label: Name of the label that is explained; None if it has no name, so that quotes with
            a label cannot be compared with it and count for it.

    Returns:
        `[start, end)` characters of every word, and their scores `(words,)`, float32 in [-1, 1].
    """
    borders = word_spans(text)
    total = np.zeros(len(borders))
    for quotes in answers:
        signs = np.zeros(len(borders))
        for quote in quotes:
            sign = 1 if None in (quote.label, label) or _same(quote.label, label) else -1
            for start, end in _places(text, quote.text):
                for number, (first, last) in enumerate(borders):
                    if first < end and start < last:
                        signs[number] += sign
        total += np.sign(signs)
    return borders, (total / len(answers)).astype(np.float32)


def _places(text: str, quote: str) -> list[tuple[int, int]]:
    """Where a quote is in a text; in a pair, in each text by itself."""
    return [
        (start + shift, end + shift)
        for shift, part in shifted_parts(text)
        for start, end in find_quote(part, quote)
    ]


def _same(left: str | None, right: str | None) -> bool:
    return str(left).strip().casefold() == str(right).strip().casefold()


@register_explainer("quoted_evidence")
@dataclass(frozen=True)
class QuotedEvidence(Explainer):
    """Quotes as attributions: what a language model named when it was asked for evidence.

    Only the teacher's logits are computed. Quotes are found in the text whatever their case and
    spaces, and with small slips; see `find_quote`. A word scores +1 if it is quoted for the
    teacher's label, −1 if for another one; of several answers, the mean.

    Attributes:
        quotes: Column with the quotes of every text, in one of the forms of `read_quotes`: lists,
            JSON, words separated by semicolons, or label → quotes, of one answer or of several.
        labels: Names of the labels, with which those of quotes are compared. None: the teacher's.
    """

    quotes: str = "teacher_quotes"
    labels: Sequence[str] | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The column of the quotes."""
        return (self.quotes,)

    def prepared(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> QuotedEvidence:
        """Fill in the names of the labels."""
        return replace(self, labels=list(teacher.labels)) if self.labels is None else self

    def evaluations(self, words: int) -> float:
        """The text itself."""
        return 1

    def explain(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> list[Attribution]:
        """Explain texts; see `Explainer.explain`.

        Raises:
            ValueError: Quotes have none of the forms that can be read; names the text.
        """
        answers = [read_row(text.text, text.row, self.quotes) for text in texts]
        logits = read_logits(teacher, texts, budget)
        names = teacher.labels if self.labels is None else self.labels
        results = []
        for text, given, scores in zip(texts, answers, logits, strict=True):
            label = int(scores.argmax())
            name = names[label] if names else None
            spans, words = score_words(text.text, given, name)
            results.append(
                Attribution(
                    logits=scores,
                    label=label,
                    spans=spans,
                    scores=words,
                    completeness_error=float("nan"),
                    evaluations=1,
                )
            )
        return results


def read_row(text: str, row: Mapping[str, Any], column: str) -> list[list[Quote]]:
    """The quotes of one text.

    Raises:
        ValueError: They have none of the forms that can be read.
    """
    try:
        return read_quotes(row[column])
    except (ValueError, TypeError) as error:
        raise ValueError(f"The column {column!r}, of the text {text[:60]!r}: {error}") from error
