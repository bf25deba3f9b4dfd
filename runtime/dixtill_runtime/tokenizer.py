# SPDX-License-Identifier: Apache-2.0
"""The words of a text and where they stand in it: section 4 of the specification."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dixtill_runtime.container import Container
from dixtill_runtime.sections import SectionReader

REMOVED, SPACE, PUNCTUATION, IDEOGRAPH, SYLLABLE, FOLLOWER, RECOMPOSED = (1 << n for n in range(7))
UNKNOWN = 0

_DOT_ABOVE = 0x307
_S, _L, _V, _T = 0xAC00, 0x1100, 0x1161, 0x11A7
_SYLLABLES, _LEADS, _VOWELS, _TAILS = 11_172, 19, 21, 28


class Word(NamedTuple):
    """A word of a text.

    Attributes:
        row: The row of its vector; 0 if it is unknown.
        start: Its first character in the text.
        end: The character behind its last.
    """

    row: int
    start: int
    end: int


class Character(NamedTuple):
    """A character after normalisation, and the span that it comes from."""

    code: int
    start: int
    end: int


class Profile:
    """The tables of section `UNIC`.

    Args:
        data: The section's bytes, which `read_container` has checked.
    """

    def __init__(self, data: memoryview) -> None:
        reader = SectionReader("UNIC", data)
        splitting, literals, classes, lower, expansions, combining, short, long, others, origin = (
            reader.numbers(10)
        )
        self.splits_words = splitting == 0
        rows = reader.numbers(literals)
        ends = reader.numbers(literals)
        text = bytes(reader.take(ends[-1] if ends else 0))
        names = [text[a:b].decode() for a, b in zip((0, *ends), ends, strict=False)]
        self.literals = dict(zip(names, rows, strict=True))
        self._classes = reader.numbers(classes)
        self._lower = _records(reader.numbers(3 * lower))
        self._lower_firsts = [first for first, _, _ in self._lower]
        self._expansions = {code: pair for code, *pair in _records(reader.numbers(3 * expansions))}
        self._combining = reader.numbers(combining)
        pairs = _records(reader.numbers(3 * short, "H")) + _records(reader.numbers(3 * long))
        self._composites = {(first, second): code for code, first, second in pairs}
        self._parts = {
            code: (first, second)
            for code, first, second in pairs + _records(reader.numbers(3 * others))
        }
        self.origin = bytes(reader.take(origin)).decode()

    def flags(self, code: int) -> int:
        """The flags of a character."""
        return _value_at(self._classes, code)

    def combining_class(self, code: int) -> int:
        """The canonical combining class of a character."""
        return _value_at(self._combining, code)

    def lower(self, code: int) -> tuple[int, ...]:
        """The lower case of a character: one character, or two."""
        if code in self._expansions:
            return tuple(self._expansions[code])
        place = bisect_right(self._lower_firsts, code) - 1
        if place >= 0:
            first, packed, delta = self._lower[place]
            stride = packed >> 24
            if code <= packed & 0xFFFFFF and (code - first) % stride == 0:
                return (code + delta - ((delta >> 31) << 32),)
        return (code,)

    def decompose(self, code: int) -> list[int]:
        """The full canonical decomposition of a character."""
        if 0 <= code - _S < _SYLLABLES:
            lead, rest = divmod(code - _S, _VOWELS * _TAILS)
            vowel, tail = divmod(rest, _TAILS)
            return [_L + lead, _V + vowel, *([_T + tail] if tail else [])]
        parts: list[int] = []
        while code in self._parts:
            code, second = self._parts[code]
            if second:
                parts.insert(0, second)
        return [code, *parts]

    def compose(self, first: int, second: int) -> int | None:
        """The character that two make, None if they make none."""
        if 0 <= first - _L < _LEADS and 0 <= second - _V < _VOWELS:
            return _S + ((first - _L) * _VOWELS + second - _V) * _TAILS
        syllable = 0 <= first - _S < _SYLLABLES and (first - _S) % _TAILS == 0
        if syllable and 0 < second - _T < _TAILS:
            return first + second - _T
        return self._composites.get((first, second))


class WordTokenizer:
    """Splits a text into the words that a student reads.

    Args:
        container: The student.
    """

    def __init__(self, container: Container) -> None:
        self._profile = Profile(container.sections["UNIC"])
        self._rows = {word: row for row, word in enumerate(container.words, start=1)}
        self.limit = container.head.word_limit

    def __call__(self, text: str) -> tuple[list[Word], bool]:
        """The words of a text up to the limit, and whether there were more."""
        words: list[Word] = []
        for word in self._words(text):
            if len(words) == self.limit:
                return words, True
            words.append(word)
        return words, False

    def _words(self, text: str) -> Iterator[Word]:
        """Step 1: the literals, and the words of the text between them."""
        place = 0
        for start, literal in _found(text, tuple(self._profile.literals)):
            yield from self._words_between(text, place, start)
            place = start + len(literal)
            yield Word(self._profile.literals[literal], start, place)
        yield from self._words_between(text, place, len(text))

    def _words_between(self, text: str, start: int, end: int) -> Iterator[Word]:
        """Steps 2 to 7 of a piece of the text."""
        for word in self._split(self._clean(_normalized(text[start:end], self._profile))):
            name = "".join(chr(character.code) for character in word).encode("utf-8")
            row = self._rows.get(name, UNKNOWN)
            yield Word(row, start + word[0].start, start + word[-1].end)

    def _clean(self, characters: Iterable[Character]) -> Iterator[Character | None]:
        """Steps 4 and 5: characters in lower case; None where a word ends."""
        profile = self._profile
        last = 0
        for character in characters:
            flags = profile.flags(character.code)
            if flags & REMOVED or (character.code == _DOT_ABOVE and last == ord("i")):
                continue
            if flags & SPACE:
                last = 0
                yield None
                continue
            if flags & IDEOGRAPH:
                yield None
            for last in profile.lower(character.code):
                yield character._replace(code=last)
            if flags & IDEOGRAPH:
                yield None

    def _split(self, characters: Iterable[Character | None]) -> Iterator[list[Character]]:
        """Step 6: the characters of each word."""
        word: list[Character] = []
        in_syllable = False
        for character in characters:
            if character is None:
                if word:
                    yield word
                word, in_syllable = [], False
                continue
            flags = self._profile.flags(character.code) if self._profile.splits_words else 0
            if in_syllable and flags & FOLLOWER and not flags & PUNCTUATION:
                word.append(character)
                continue
            if word and (in_syllable or flags & (PUNCTUATION | SYLLABLE)):
                yield word
                word = []
            in_syllable = bool(flags & SYLLABLE) and not flags & PUNCTUATION
            word.append(character)
            if flags & PUNCTUATION:
                yield word
                word = []
        if word:
            yield word


def _found(text: str, literals: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Where literals stand, from the left, the longest of those that begin in one place."""
    next_places = {literal: text.find(literal) for literal in literals}
    place = 0
    while True:
        for literal, found in next_places.items():
            if 0 <= found < place:
                next_places[literal] = text.find(literal, place)
        ahead = [
            (start, -len(literal), literal) for literal, start in next_places.items() if start >= 0
        ]
        if not ahead:
            return
        start, _, literal = min(ahead)
        yield start, literal
        place = start + len(literal)


def _normalized(text: str, profile: Profile) -> Iterator[Character]:
    """Steps 2 and 3: canonical composition, with the span of every character."""

    def is_recomposed(place: int) -> bool:
        return place < len(text) and bool(profile.flags(_code(text[place])) & RECOMPOSED)

    place = 0
    while place < len(text):
        end = place + 1
        if is_recomposed(place) or is_recomposed(end):
            while end < len(text) and (is_recomposed(end) or is_recomposed(end + 1)):
                end += 1
            yield from _recomposed([_code(c) for c in text[place:end]], place, profile)
        else:
            yield Character(_code(text[place]), place, end)
        place = end


def _code(character: str) -> int:
    """The character's code; U+FFFD in place of a lone surrogate."""
    code = ord(character)
    return 0xFFFD if 0xD800 <= code < 0xE000 else code


def _recomposed(codes: list[int], start: int, profile: Profile) -> Iterator[Character]:
    """NFC of a run of characters. `change` counts the characters that each part replaces."""
    place = start
    for code, change in _composed(_decomposed(codes, profile), profile):
        source = place - 1 if change > 0 else place
        yield Character(code, source, source + 1)
        if change <= 0:
            place += 1 - change


def _decomposed(codes: list[int], profile: Profile) -> list[tuple[int, int]]:
    """Step 2: all parts in canonical order, 0 with the first of a character and 1 with others."""
    parts: list[tuple[int, int]] = []
    marks: list[tuple[int, int]] = []
    for code in codes:
        for index, part in enumerate(profile.decompose(code)):
            if profile.combining_class(part) == 0:
                parts += sorted(marks, key=lambda mark: profile.combining_class(mark[0]))
                parts.append((part, min(index, 1)))
                marks = []
            else:
                marks.append((part, min(index, 1)))
    return parts + sorted(marks, key=lambda mark: profile.combining_class(mark[0]))


def _composed(parts: list[tuple[int, int]], profile: Profile) -> Iterator[tuple[int, int]]:
    """Step 3."""
    starter: tuple[int, int] | None = None
    waiting: list[tuple[int, int]] = []
    last: int | None = None
    for code, change in parts:
        combining = profile.combining_class(code)
        if starter is None:
            if combining:
                yield code, change
            else:
                starter = code, change
            continue
        if last is None or last < combining:
            composite = profile.compose(starter[0], code)
            if composite is not None:
                starter = composite, starter[1] + change - 1
                continue
            if last is None and combining == 0:
                yield starter
                starter = code, change
                continue
        elif combining == 0:
            yield starter
            yield from waiting
            starter, waiting, last = (code, change), [], None
            continue
        waiting.append((code, change))
        last = combining
    if starter is not None:
        yield starter
    yield from waiting


def _records(numbers: tuple[int, ...]) -> list[tuple[int, int, int]]:
    return list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))


def _value_at(table: tuple[int, ...], code: int) -> int:
    """The value of a character in a table of `first << 8 | value`."""
    return table[bisect_right(table, code << 8 | 255) - 1] & 255
