# SPDX-License-Identifier: Apache-2.0
"""The user's own scores: from columns of the dataset, or word by word from a lexicon."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dixtill_hf.artifacts.hashing import hash_json
from dixtill_hf.data.text_pairs import shifted_parts
from dixtill_hf.data.words import word_spans
from dixtill_hf.explainers.base import Attribution, Explainer, read_logits, register_explainer
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.loading import Teacher


class Lexicon:
    """Scores of words and phrases, found whatever their case."""

    def __init__(self, scores: Mapping[str, float]) -> None:
        """Take the entries apart into words.

        Raises:
            ValueError: There are none, one has no word in it, two differ only in case, or a score
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
            other suffix); further columns are not read.

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


Spans = Sequence[tuple[int, int]]


@register_explainer("precomputed")
@dataclass(frozen=True)
class Precomputed(Explainer):
    """Scores that the user has: of people, of another method, or of a lexicon.

    Only the teacher's logits are computed. The scores are taken to speak for the label that it
    predicts, and are given on as they are, those of words beyond the teacher's limit included.

    Attributes:
        scores: Column with a list of scores for every text.
        spans: Column with the `[start, end)` characters of every score, in a pair of the string
            that a `TextPair` is. Without it there must be one score for each word of the text, or
            of both texts of a pair, words being separated by white space.
        lexicon: Instead of columns: word (or phrase) → score, whatever the case, or a file of them
            (see `read_lexicon`). Words that are not in it score 0.
    """

    scores: str | None = None
    spans: str | None = None
    lexicon: Mapping[str, float] | str | Path | None = field(default=None, hash=False)
    _index: Lexicon | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        """Check the settings, and read the lexicon where it is a file.

        Raises:
            OSError: The lexicon's file cannot be read.
        """
        if (self.scores is None) == (self.lexicon is None):
            raise ValueError(
                "precomputed takes either scores, the name of a column (with spans, the name of "
                f"another, or one score a word), or a lexicon; got scores={self.scores!r} and "
                f"{'a' if self.lexicon is not None else 'no'} lexicon."
            )
        if self.spans is not None and self.scores is None:
            raise ValueError(f"spans={self.spans!r} needs scores, the column that they belong to.")
        if self.lexicon is not None:
            given = self.lexicon
            entries = given if isinstance(given, Mapping) else read_lexicon(Path(given))
            object.__setattr__(self, "_index", Lexicon(entries))
            plain = {entry: float(score) for entry, score in entries.items()}
            object.__setattr__(self, "lexicon", plain)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that were named."""
        return tuple(name for name in (self.scores, self.spans) if name is not None)

    def evaluations(self, words: int) -> float:
        """The text itself, for its logits."""
        return 1

    def settings(self) -> dict[str, Any]:
        """Name and settings; of a lexicon its size and a hash of what it holds."""
        lexicon = None
        if isinstance(self.lexicon, Mapping):
            lexicon = {"entries": len(self.lexicon), "hash": hash_json(self.lexicon)}
        columns = {"scores": self.scores, "spans": self.spans}
        return {"name": self.name, **columns, "lexicon": lexicon}

    def explain(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> list[Attribution]:
        """Explain texts; see `Explainer.explain`.

        Raises:
            ValueError: Scores do not fit their text.
        """
        given = [self._scored(text) for text in texts]

        if not texts:
            return []
        logits = read_logits(teacher, texts, budget)
        return [
            Attribution(
                logits=logits[row],
                label=int(logits[row].argmax()),
                spans=spans,
                scores=np.asarray(scores, dtype=np.float32),
                completeness_error=float("nan"),
                evaluations=1,
            )
            for row, (spans, scores) in enumerate(given)
        ]

    def _found(self, index: Lexicon, text: str) -> tuple[Spans, Sequence[float]]:
        """What the lexicon has of a text; in a pair, of each text by itself."""
        spans: list[tuple[int, int]] = []
        scores: list[float] = []
        for shift, part in shifted_parts(text):
            places, own = index.find(part)
            spans += [(start + shift, end + shift) for start, end in places]
            scores += own
        return spans, scores

    def _scored(self, text: EncodedText) -> tuple[Spans, Sequence[float]]:
        if self._index is not None:
            return self._found(self._index, text.text)
        scores = text.row[str(self.scores)]
        if self.spans is None:
            spans = [match.span() for match in re.finditer(r"\S+", text.text)]
            source = "words between white space"
        else:
            spans = [tuple(span) for span in text.row[self.spans] or []]
            source = f"spans in {self.spans!r}"
        shown = f"the text {text.text[:60]!r}"
        count = len(scores) if isinstance(scores, Sequence) else "no list of"
        if count != len(spans):
            raise ValueError(
                f"The column {self.scores!r} has {count} scores for the {len(spans)} {source} of "
                f"{shown}: one for each is needed."
            )
        _check_spans(spans, len(text.text), shown)
        if not np.isfinite(np.asarray(scores, dtype=float)).all():
            raise ValueError(
                f"The column {self.scores!r} has scores that are not finite for {shown}."
            )
        return spans, scores


def _check_spans(spans: Sequence[tuple[int, ...]], characters: int, shown: str) -> None:
    for span in spans:
        if len(span) != 2 or not 0 <= span[0] < span[1] <= characters:
            raise ValueError(
                f"{list(span)} is no span of {shown}: a [start, end) pair of its "
                f"{characters} characters is needed."
            )
