# SPDX-License-Identifier: Apache-2.0
"""The Unicode tables of a student's tokenizer, asked from the `tokenizers` library itself.

The library follows several releases of Unicode at once (canonical composition is that of
Unicode 9), and none of them is that of Python. So every character is shown to the library, and what
it does is written down: section `UNIC` of `runtime/SPECIFICATION.md`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import tokenizers
from tokenizers import normalizers, pre_tokenizers

from dixtill_hf.data.words import case_rules, word_splitter

REMOVED, SPACE, PUNCTUATION, IDEOGRAPH, SYLLABLE, FOLLOWER, RECOMPOSED = (1 << n for n in range(7))
_SURROGATES = range(0xD800, 0xE000)
_HANGUL = range(0xAC00, 0xD7A4)
# A conjoining vowel or final consonant joins the syllable before it.
_JAMO = (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))
# Stands between the characters that are shown together: no step changes or joins it.
_MARK = "|"
# A letter of a script without spaces, and the combining mark of the highest class, 240.
_THAI, _HIGHEST = "\u0e01", "\u0345"
# One character of every canonical combining class but 240, by class, all in Unicode since 3.2 or
# earlier: sorting beside them tells the class of any other.
_CLASSES = {
    1: 0x0334, 7: 0x093C, 8: 0x3099, 9: 0x094D, 10: 0x05B0, 11: 0x05B1, 12: 0x05B2, 13: 0x05B3,
    14: 0x05B4, 15: 0x05B5, 16: 0x05B6, 17: 0x05B7, 18: 0x05B8, 19: 0x05B9, 20: 0x05BB, 21: 0x05BC,
    22: 0x05BD, 23: 0x05BF, 24: 0x05C1, 25: 0x05C2, 26: 0xFB1E, 27: 0x064B, 28: 0x064C, 29: 0x064D,
    30: 0x064E, 31: 0x064F, 32: 0x0650, 33: 0x0651, 34: 0x0652, 35: 0x0670, 36: 0x0711, 84: 0x0C55,
    91: 0x0C56, 103: 0x0E38, 107: 0x0E48, 118: 0x0EB8, 122: 0x0EC8, 129: 0x0F71, 130: 0x0F72,
    132: 0x0F74, 202: 0x0321, 214: 0x1DCE, 216: 0x031B, 218: 0x302A, 220: 0x0316, 222: 0x059A,
    224: 0x302E, 226: 0x1D16D, 228: 0x302B, 230: 0x0300, 232: 0x0315, 233: 0x035C, 234: 0x035D,
}  # fmt: skip


@dataclass(frozen=True)
class UnicodeTables:
    """What the library does with every character.

    Attributes:
        flags: The flags of each character that has any.
        lower: The lower case of each character that it changes, as one or two characters.
        combining: The canonical combining class of each character whose class is not 0.
        composed: First and second character of each composite.
        decomposed: First and second of each character that decomposes for good; second 0 if one
            character takes its place.
    """

    flags: Mapping[int, int]
    lower: Mapping[int, tuple[int, ...]]
    combining: Mapping[int, int]
    composed: Mapping[int, tuple[int, int]]
    decomposed: Mapping[int, tuple[int, int]]

    def for_words(self, words: Iterable[str]) -> UnicodeTables:
        """The tables without decompositions that no student with these words can notice.

        Some thousand ideographs are written as others of the same flags. It only matters if a
        known word holds one of those.
        """
        known = {ord(character) for word in words for character in word}
        firsts = {first for first, _ in self.composed.values()}

        def is_noticed(code: int, first: int, second: int) -> bool:
            same = self.flags.get(code, 0) & ~RECOMPOSED == self.flags.get(first, 0)
            plain = not ({code, first} & (self.lower.keys() | self.combining.keys()))
            alone = second == 0 and first not in self.decomposed and first not in self.composed
            return not (same and plain and alone and first not in known | firsts)

        kept = {code: pair for code, pair in self.decomposed.items() if is_noticed(code, *pair)}
        dropped = self.decomposed.keys() - kept.keys()
        flags = {
            code: value & ~RECOMPOSED if code in dropped else value
            for code, value in self.flags.items()
        }
        return UnicodeTables(flags, self.lower, self.combining, self.composed, kept)


@lru_cache(maxsize=1)
def unicode_tables() -> UnicodeTables:
    """Show every character to the installed `tokenizers`; takes some seconds."""
    characters = "".join(chr(code) for code in range(0x110000) if code not in _SURROGATES)
    apart = normalizers.NFD()
    decompositions = _changes(characters, apart.normalize_str)
    whole = "".join(c for c in characters if ord(c) not in decompositions and c != _MARK)
    combining = _combining_classes(whole, apart)
    composed, decomposed, restless = _one_step(decompositions)
    seconds = {second for _, second in composed.values()}
    lower = {
        code: tuple(map(ord, text))
        for code, text in _changes(characters, _lower_case().normalize_str).items()
    }
    flags = _flags(characters)
    for code in {*restless, *combining, *seconds, *_JAMO}:
        flags[code] = flags.get(code, 0) | RECOMPOSED
    return UnicodeTables(flags, lower, combining, composed, decomposed)


def _lower_case() -> normalizers.Normalizer:
    """Lower case as the last steps of `word_normalizer` make it."""
    return normalizers.Sequence([normalizers.Lowercase(), *case_rules()])


def unicode_section(
    tables: UnicodeTables, splits_words: bool, literals: Mapping[str, int]
) -> bytes:
    """Write section `UNIC`.

    Args:
        tables: The tables.
        splits_words: Whether words also end at punctuation and within scripts without spaces.
        literals: Texts that are a word by themselves wherever they stand, with their rows.
    """
    names = [name.encode() for name in literals]
    ends = [sum(map(len, names[: i + 1])) for i in range(len(names))]
    long = {code: pair for code, pair in tables.composed.items() if max(code, *pair) > 0xFFFF}
    short = {code: pair for code, pair in tables.composed.items() if code not in long}
    lower = _lower_ranges({c: low[0] for c, low in tables.lower.items() if len(low) == 1})
    expansions = sorted((c, *low) for c, low in tables.lower.items() if len(low) == 2)
    classes, combining = _runs(tables.flags), _runs(tables.combining)
    origin = (
        f"tokenizers {tokenizers.__version__}: canonical composition of Unicode 9.0, "
        "character classes as that library has them"
    ).encode()
    arrays = [
        _packed("I", [not splits_words, len(names), len(classes), len(lower), len(expansions)]),
        _packed("I", [len(combining), len(short), len(long), len(tables.decomposed), len(origin)]),
        _packed("I", literals.values()),
        _packed("I", ends),
        b"".join(names),
        _packed("I", classes),
        b"".join(struct.pack("<IIi", *record) for record in lower),
        _packed("I", (value for record in expansions for value in record)),
        _packed("I", combining),
        _packed("H", _flat(short)),
        _packed("I", _flat(long)),
        _packed("I", _flat(tables.decomposed)),
        origin,
    ]
    return b"".join(array + bytes(-len(array) % 4) for array in arrays)


def _changes(characters: str, normalize: Callable[[str], str]) -> dict[int, str]:
    """What each character becomes, of those that change."""
    after = normalize(_MARK.join(characters)).split(_MARK)
    # The mark itself splits into two empty strings.
    place = characters.index(_MARK)
    after[place : place + 2] = [_MARK]
    return {ord(c): text for c, text in zip(characters, after, strict=True) if text != c}


def _combining_classes(characters: str, apart: normalizers.Normalizer) -> dict[int, int]:
    """The combining classes: a mark moves before marks of a higher class, and before no others.

    Args:
        characters: Those that do not decompose.
        apart: Decomposes and sorts.
    """

    def movers(other: str, candidates: str) -> str:
        """Those of the characters that move before another."""
        pieces = apart.normalize_str(other + (_MARK + other).join(candidates)).split(_MARK)
        return "".join(c for c, piece in zip(candidates, pieces, strict=True) if piece[0] != other)

    marks = movers(_HIGHEST, characters)
    classes = dict.fromkeys(map(ord, marks), 1)
    for number, other in _CLASSES.items():
        for mark in set(marks) - set(movers(chr(other), marks)):
            classes[ord(mark)] = max(classes[ord(mark)], number)
    return {**classes, ord(_HIGHEST): 240}


def _one_step(
    decompositions: Mapping[int, str],
) -> tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]], set[int]]:
    """Composites with their pairs, other decompositions, and characters that do not come back."""
    together = normalizers.NFC()
    by_parts = {text: code for code, text in decompositions.items() if code not in _HANGUL}
    composed: dict[int, tuple[int, int]] = {}
    decomposed: dict[int, tuple[int, int]] = {}
    restless: set[int] = set()
    for code, parts in decompositions.items():
        if code in _HANGUL:
            continue
        back = together.normalize_str(parts)
        if back == chr(code):
            composed[code] = ord(together.normalize_str(parts[:-1])), ord(parts[-1])
            continue
        restless.add(code)
        if len(back) == 1:
            decomposed[code] = ord(back), 0
            continue
        first = together.normalize_str(parts[:-1])
        decomposed[code] = ord(first) if len(first) == 1 else by_parts[parts[:-1]], ord(parts[-1])
    return composed, decomposed, restless


def _flags(characters: str) -> dict[int, int]:
    """All flags but RECOMPOSED."""
    cleaner = normalizers.BertNormalizer(True, False, False, False)
    spacer = normalizers.BertNormalizer(False, True, False, False)
    cleaned = _changes(characters, cleaner.normalize_str)
    spaced = _changes(characters, spacer.normalize_str)
    flags = {code: REMOVED if text == "" else SPACE for code, text in cleaned.items()}
    flags[ord(" ")] = SPACE  # what all of them become
    flags |= {code: flags.get(code, 0) | IDEOGRAPH for code in spaced}
    letters = "".join(c for c in characters if not flags.get(ord(c), 0) & (REMOVED | SPACE))
    shown = {
        PUNCTUATION: _starters(letters, pre_tokenizers.BertPreTokenizer()),
        SYLLABLE: _starters(letters, _syllable_splitter()),
        FOLLOWER: _followers(letters, _syllable_splitter()),
    }
    for flag, found in shown.items():
        for code in found:
            flags[code] = flags.get(code, 0) | flag
    return flags


def _syllable_splitter() -> pre_tokenizers.PreTokenizer:
    """The second step of `word_splitter`."""
    return word_splitter()[1]


def _starters(characters: str, splitter: pre_tokenizers.PreTokenizer) -> list[int]:
    """Characters that begin a word behind a letter; whole stretches without any are passed by."""
    found: list[int] = []
    for part in _stretches(characters):
        if len(splitter.pre_tokenize_str("a" + part)) > 1:
            starts = _starts("a" + "a".join(part), splitter)
            found += [ord(c) for i, c in enumerate(part) if 2 * i + 1 in starts]
    return found


def _followers(characters: str, splitter: pre_tokenizers.PreTokenizer) -> list[int]:
    """Characters that join a syllable before them."""
    found: list[int] = []
    for part in _stretches(characters):
        starts = _starts(_THAI + _THAI.join(part), splitter)
        found += [ord(c) for i, c in enumerate(part) if 2 * i + 1 not in starts]
    return found


def _starts(text: str, splitter: pre_tokenizers.PreTokenizer) -> set[int]:
    return {first for _, (first, _) in splitter.pre_tokenize_str(text)}


def _stretches(characters: str) -> list[str]:
    return [characters[start : start + 1_024] for start in range(0, len(characters), 1_024)]


def _lower_ranges(lower: Mapping[int, int]) -> list[tuple[int, int, int]]:
    """Ranges of characters with the same distance to their lower case: first, last, distance."""
    ranges: list[list[int]] = []
    for code in sorted(lower):
        distance = lower[code] - code
        if ranges:
            first, last, stride, known = ranges[-1]
            step = code - last
            if distance == known and step in (1, 2) and (first == last or step == stride):
                ranges[-1][1:3] = code, step
                continue
        ranges.append([code, code, 1, distance])
    return [(first, last | stride << 24, distance) for first, last, stride, distance in ranges]


def _runs(values: Mapping[int, int]) -> list[int]:
    """`first << 8 | value` of every run of characters with the same value."""
    starts = {0: 0}
    for code in sorted(values):
        starts[code] = values[code]
        starts[code + 1] = 0  # unless the next character writes over it
    starts.pop(0x110000, None)
    runs: list[int] = []
    for first, value in starts.items():
        if not runs or runs[-1] & 255 != value:
            runs.append(first << 8 | value)
    return runs


def _flat(pairs: Mapping[int, tuple[int, int]]) -> list[int]:
    return [value for code in sorted(pairs) for value in (code, *pairs[code])]


def _packed(kind: str, values: Iterable[int]) -> bytes:
    values = list(values)
    return struct.pack(f"<{len(values)}{kind}", *values)
