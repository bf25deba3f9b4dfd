# SPDX-License-Identifier: Apache-2.0
"""Pairs of texts: two texts that are classified together, such as a premise and a hypothesis.

A pair travels wherever a text does, as one string: the first text, a line break, the second. So
character spans, words and colours are those of one string, on two lines. Only tokenizers take the
two texts apart, and they do so by the functions of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dixtill_hf.data.columns import TEXT, TEXT_PAIR

SEPARATOR = "\n"
"""What is between the two texts of a pair where they are one string."""

SEQUENCES = (TEXT, TEXT_PAIR)
"""Names of the two texts of a pair, in their order."""


class TextPair(str):
    """Two texts that are classified together, as one string: both, with a line break between them.

    `text[start:end]` and every other method of a string give plain strings. A pair is equal only to
    a pair of the same two texts.

    Attributes:
        text: The first text.
        text_pair: The second text.
    """

    __slots__ = ("text", "text_pair")
    text: str
    text_pair: str

    def __new__(cls, text: str, text_pair: str) -> TextPair:
        """Put two texts together.

        Raises:
            TypeError: One of them is no string.
        """
        for name, value in ((TEXT, text), (TEXT_PAIR, text_pair)):
            if not isinstance(value, str):
                raise TypeError(f"The {name} of a pair must be a string, got {value!r}.")
        pair = super().__new__(cls, f"{text}{SEPARATOR}{text_pair}")
        pair.text, pair.text_pair = str(text), str(text_pair)
        return pair

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """What a copy is made of."""
        return self.text, self.text_pair

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextPair) and self.parts == other.parts

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return f"TextPair({self.text!r}, {self.text_pair!r})"

    @property
    def parts(self) -> tuple[str, str]:
        """Both texts."""
        return self.text, self.text_pair

    @property
    def border(self) -> int:
        """Where the second text begins."""
        return len(self.text) + len(SEPARATOR)

    def map(self, change: Callable[[str], str]) -> TextPair:
        """The pair of what a function makes of each text."""
        return TextPair(change(self.text), change(self.text_pair))


def place_in_pair(text: str, start: int, end: int) -> tuple[str, int, int]:
    """The text that a span is in, "text" or "text_pair", and its characters there.

    Args:
        text: A text or a pair.
        start: First character of the span in the whole string.
        end: The one after its last.
    """
    if isinstance(text, TextPair) and start >= text.border:
        return TEXT_PAIR, start - text.border, end - text.border
    return TEXT, start, end


def shifted_parts(text: str) -> list[tuple[int, str]]:
    """The texts of a string, one or two, each with the place of its first character."""
    if isinstance(text, TextPair):
        return [(0, text.text), (text.border, text.text_pair)]
    return [(0, text)]


def is_pair(text: object) -> bool:
    """Whether a text is a pair."""
    return isinstance(text, TextPair)


def as_text(given: Any) -> str:
    """A text as it travels: a string as it is, `{"text": ..., "text_pair": ...}` as a pair.

    Args:
        given: A text, a pair, or a mapping as a pipeline of transformers takes it; `text_pair` may
            be missing or None.

    Raises:
        TypeError: It is none of these.
    """
    if isinstance(given, Mapping) and TEXT in given and set(given) <= set(SEQUENCES):
        if given.get(TEXT_PAIR) is not None:
            return TextPair(given[TEXT], given[TEXT_PAIR])
        given = given[TEXT]
    if not isinstance(given, str):
        raise TypeError(
            'A text must be a string, or {"text": ..., "text_pair": ...} for a pair, got '
            f"{type(given).__name__}."
        )
    return given


def text_columns(names: Iterable[str]) -> list[str]:
    """The columns that hold the texts of a dataset, by the names of its columns."""
    return [TEXT, TEXT_PAIR] if TEXT_PAIR in names else [TEXT]


def texts_of(rows: Any) -> list[str]:
    """The texts of a dataset, or of a batch of its rows as column → values; pairs if it has them.

    A row without a text, or without the second text of a pair, is None.
    """
    columns = getattr(rows, "column_names", rows)
    if TEXT_PAIR not in columns:
        return list(rows[TEXT])
    return [
        TextPair(text, pair) if isinstance(text, str) and isinstance(pair, str) else None  # type: ignore[misc]
        for text, pair in zip(rows[TEXT], rows[TEXT_PAIR], strict=True)
    ]


def text_of(row: Mapping[str, Any]) -> str:
    """The text of a row of a dataset; a pair if it has a second text."""
    return as_text({name: row[name] for name in text_columns(row)})


def columns_of_texts(texts: Sequence[str]) -> dict[str, list[str]]:
    """The columns of a dataset of these texts; of pairs, two of them.

    Raises:
        ValueError: Some texts are pairs and others are not.
    """
    if not are_pairs(texts):
        return {TEXT: list(texts)}
    return {name: [pair.parts[at] for pair in texts] for at, name in enumerate(SEQUENCES)}  # type: ignore[attr-defined]


def single_texts_of(dataset: Any, what: str) -> list[str]:
    """The texts of a dataset that must not be pairs.

    Args:
        dataset: A dataset with the column `text`.
        what: Who reads them, as the beginning of a sentence.

    Raises:
        ValueError: They are pairs.
    """
    refuse_pairs(dataset.column_names, what)
    return list(dataset[TEXT])


def refuse_pairs(columns: Iterable[str], what: str) -> None:
    """Refuse a dataset with pairs of texts.

    Args:
        columns: Names of its columns.
        what: Who reads it, as the beginning of a sentence.

    Raises:
        ValueError: It has the column of second texts.
    """
    if TEXT_PAIR in columns:
        raise ValueError(
            f"{what} reads single texts, and these data are pairs of texts (column {TEXT_PAIR!r}). "
            "docs/guides/pairs.md says what can be done with pairs."
        )


def are_pairs(texts: Sequence[str]) -> bool:
    """Whether texts are pairs.

    Raises:
        ValueError: Some are and others are not.
    """
    pairs = sum(map(is_pair, texts))
    if 0 < pairs < len(texts):
        raise ValueError(
            f"{pairs} of {len(texts)} texts are pairs: give pairs only, or single texts only."
        )
    return pairs > 0


def tokenizer_inputs(texts: Sequence[str]) -> dict[str, list[str]]:
    """Texts as arguments of a tokenizer of transformers: `text`, and of pairs `text_pair`.

    Raises:
        ValueError: Some are pairs and others are not.
    """
    return columns_of_texts(texts)


def spans_in_text(text: str, encoding: Any) -> list[tuple[int, int]]:
    """`[start, end)` characters of the tokens of a text; in a pair, of the whole string.

    Args:
        text: The text or pair.
        encoding: What a fast tokenizer of the tokenizers library has made of it
            (`encodings[row]` of what transformers returns).
    """
    if not isinstance(text, TextPair):
        return list(encoding.offsets)
    shift = (0, text.border)
    return [
        (start, end) if sequence is None else (start + shift[sequence], end + shift[sequence])
        for (start, end), sequence in zip(encoding.offsets, encoding.sequence_ids, strict=True)
    ]
