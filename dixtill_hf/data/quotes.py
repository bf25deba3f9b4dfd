# SPDX-License-Identifier: Apache-2.0
"""Quotes that somebody took from a text: read from a column, and found in the text again.

A language model that is asked for evidence copies words of the text, in another case, with other
spaces, or with a small slip.
"""

from __future__ import annotations

import json
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from dixtill_hf.data.words import word_spans

# A quote with a slip: this share of its characters, in order, must be those of the text.
_ALIKE = 0.8
# Shorter quotes are found as they are or not at all: a slip makes them another word.
_LEAST_FOR_SLIPS = 5
# Where somebody left words out of a quote.
_LEFT_OUT = re.compile(r"\s*(?:\.{3,}|…|\[\s*(?:\.{3}|…)\s*\])\s*")
_OUTER = " \t\r\n\"'`“”„\u2018\u2019«».,;:!?()[]{}*_-–—"
_SAME = str.maketrans("\u2018\u2019“”–—", "''\"\"--")


@dataclass(frozen=True)
class Quote:
    """Words of a text that argue for a label.

    Attributes:
        text: The words, as they were quoted.
        label: Name of the label that they argue for; None for the label that the text was given.
    """

    text: str
    label: str | None = None


def read_quotes(value: Any) -> list[list[Quote]]:
    """Quotes of one text, in any of the forms in which they are kept.

    Args:
        value: One answer, or a list of several answers to the same question. An answer is a list
            of quotes; a string that holds such a list as JSON, or quotes separated by semicolons
            or lines; or a mapping from label to quotes. A quote is a string, or a mapping with
            `quote` (or `text`) and `label`. None is an answer without quotes.

    Returns:
        The quotes of every answer; at least one answer.

    Raises:
        ValueError: The value has another form.
    """
    if isinstance(value, str):
        value = _parsed(value)
    several = isinstance(value, Sequence) and any(
        isinstance(part, list | tuple) or part is None for part in value
    )
    answers = list(value) if several else [value]
    return [list(_quotes_of(answer)) for answer in answers] or [[]]


def _parsed(value: str) -> Any:
    stripped = value.strip()
    if stripped[:1] in ("[", "{"):
        try:
            return json.loads(stripped)
        except json.JSONDecodeError:
            raise ValueError(
                f"The quotes {value[:80]!r} begin as JSON and are none: correct them, or separate "
                "quotes by semicolons."
            ) from None
    return [part.strip() for part in re.split(r"[;\n]", stripped) if part.strip()]


def _quotes_of(answer: Any) -> Iterator[Quote]:
    if answer is None:
        return
    if isinstance(answer, str):
        answer = _parsed(answer)
    if isinstance(answer, Mapping) and not {"quote", "text"} & set(answer):
        for label, quotes in answer.items():
            for quote in [quotes] if isinstance(quotes, str) else quotes or []:
                yield Quote(str(quote), str(label))
        return
    for part in [answer] if isinstance(answer, Mapping) else answer:
        if isinstance(part, Mapping):
            text = part.get("quote", part.get("text"))
            label = part.get("label")
        else:
            text, label = part, None
        if not isinstance(text, str):
            raise ValueError(
                f"A quote must be a string, or a mapping with 'quote' and 'label', got {part!r}."
            )
        if text.strip():
            yield Quote(text, None if label is None else str(label))


def find_quote(text: str, quote: str) -> list[tuple[int, int]]:
    """The places of a quote in a text, as `[start, end)` characters.

    Every place is found in which the quote stands whatever its case, spaces and outer punctuation;
    if there is none, the place that is most like it, by 80 % of its characters or more. The parts
    of a quote with words left out ("a … b") are found one by one.

    Returns:
        The places, in order; none if the quote is not in the text.
    """
    found: list[tuple[int, int]] = []
    for part in _LEFT_OUT.split(quote):
        wanted = _folded(part.strip(_OUTER))[0].strip()
        if wanted:
            found += _same(text, wanted) or _most_alike(text, wanted)
    return sorted(set(found))


def _folded(text: str) -> tuple[str, list[int]]:
    """The text in one case with single spaces, and the place of each of its characters."""
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        if letter.isspace():
            folded = "" if letters and letters[-1] == " " else " "
        else:
            folded = unicodedata.normalize("NFKC", letter).translate(_SAME).casefold()
        letters += folded
        places += [place] * len(folded)
    return "".join(letters), places


def _same(text: str, wanted: str) -> list[tuple[int, int]]:
    """Places of whole words that are the same but for case and spaces."""
    folded, places = _folded(text)
    pattern = rf"(?<!\w){re.escape(wanted)}(?!\w)"
    return [
        (places[match.start()], places[match.end() - 1] + 1)
        for match in re.finditer(pattern, folded)
    ]


def _most_alike(text: str, wanted: str) -> list[tuple[int, int]]:
    """The run of words that is most like a quote, if it is like enough."""
    if len(wanted) < _LEAST_FOR_SLIPS:
        return []
    borders = word_spans(text)
    ends = [end for _, end in borders]
    matcher = SequenceMatcher(None, "", wanted, autojunk=False)
    best, place = 0.0, None
    for start, _ in borders:
        # Runs of about the quote's length: one word more or less than reaches it.
        reach = bisect_left(ends, start + len(wanted))
        for last in range(max(0, reach - 1), min(len(ends), reach + 2)):
            if ends[last] <= start:
                continue
            matcher.set_seq1(_folded(text[start : ends[last]])[0])
            if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
                ratio = matcher.ratio()
                if ratio > best:
                    best, place = ratio, (start, ends[last])
    return [place] if place is not None and best >= _ALIKE else []


@dataclass(frozen=True)
class QuoteCount:
    """How many quotes there are, and how many of them are in their text.

    Attributes:
        texts: Texts with a quote.
        quotes: All quotes.
        found: Those that were found.
    """

    texts: int
    quotes: int
    found: int

    @property
    def share(self) -> float:
        """Share of the quotes that were found; NaN without quotes."""
        return self.found / self.quotes if self.quotes else float("nan")


def count_quotes(texts: Sequence[str], values: Sequence[Any]) -> QuoteCount:
    """Count the quotes of texts, and those that are in them.

    Args:
        texts: The texts.
        values: The quotes of every text, as `read_quotes` takes them.
    """
    with_quotes, quotes, found = 0, 0, 0
    for text, value in zip(texts, values, strict=True):
        own = [quote for answer in read_quotes(value) for quote in answer]
        with_quotes += bool(own)
        quotes += len(own)
        found += sum(bool(find_quote(text, quote.text)) for quote in own)
    return QuoteCount(with_quotes, quotes, found)
