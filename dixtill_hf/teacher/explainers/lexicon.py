# SPDX-License-Identifier: Apache-2.0
"""Lexicons: scores of words and phrases, and where a text has them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from dixtill_hf.data.words import word_spans


class Lexicon:
    """Scores of words and phrases, found whatever their case."""

    def __init__(self, scores: Mapping[str, float]) -> None:
        """Take the entries apart into words.

        Raises:
            ValueError: There are none, one has no word in it, two differ in case alone, or a score
                is no finite number.
        """
        if not scores:
            raise ValueError("The lexicon is empty: give it words and their scores.")
        self._scores: dict[tuple[str, ...], float] = {}
        for entry, score in scores.items():
            _check_entry(entry, score)
            words = tuple(entry[start:end].casefold() for start, end in word_spans(entry))
            if not words:
                raise ValueError(f"The lexicon's entry {entry!r} has no word in it.")
            if self._scores.setdefault(words, float(score)) != score:
                raise ValueError(
                    f"The lexicon has another score for {entry!r} in another case or spacing; "
                    "keep one of the two."
                )
        self._longest = max(map(len, self._scores))

    def find(self, text: str) -> tuple[list[tuple[int, int]], list[float]]:
        """Spans and scores of a text: its entries, the longest first, and its other words as 0."""
        borders = word_spans(text)
        words = [text[start:end].casefold() for start, end in borders]
        spans, scores, at = [], [], 0
        while at < len(words):
            length, score = self._entry_at(words, at)
            spans.append((borders[at][0], borders[at + length - 1][1]))
            scores.append(score)
            at += length
        return spans, scores

    def _entry_at(self, words: list[str], at: int) -> tuple[int, float]:
        """Words and score of the longest entry that begins there, or of the bare word."""
        for length in range(min(self._longest, len(words) - at), 0, -1):
            score = self._scores.get(tuple(words[at : at + length]))
            if score is not None:
                return length, score
        return 1, 0.0


def read_lexicon(path: Path) -> dict[str, float]:
    """Read a lexicon file.

    Args:
        path: A JSON object of word → score (`.json`), or lines of a word, a tab and its score (any
            other suffix); further columns are left alone.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is of neither form, or has a word twice.
    """
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix != ".json":
        numbered = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line]
        return _unique([_read_line(line, f"{path}, line {number}") for number, line in numbered])
    try:
        found = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise ValueError(f"The lexicon {path} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise ValueError(f"The lexicon {path} must be a JSON object of word → score.")
    return found


def _read_line(line: str, where: str) -> tuple[str, float]:
    parts = line.split("\t")
    try:
        return parts[0], float(parts[1])
    except (IndexError, ValueError) as error:
        raise ValueError(
            f"{where}: expected a word, a tab and its score, got {line[:80]!r}."
        ) from error


def _unique(pairs: list[tuple[str, float]]) -> dict[str, float]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        words = [word for word, _ in pairs]
        twice = next(word for word in words if words.count(word) > 1)
        raise ValueError(f"The lexicon has {twice!r} more than once; keep one of them.")
    return entries


def _check_entry(entry: object, score: object) -> None:
    number = isinstance(score, int | float) and not isinstance(score, bool)
    if not isinstance(entry, str) or not number or not math.isfinite(score):  # type: ignore[arg-type]
        raise ValueError(
            f"A lexicon holds words and finite numbers, got {entry!r} with the score {score!r}."
        )
