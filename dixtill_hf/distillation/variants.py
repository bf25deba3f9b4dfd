# SPDX-License-Identifier: Apache-2.0
"""Variants of training texts, for a teacher to label: text that a student can learn from for free.

After the augmentation of Tang et al. (2019, arXiv:1903.12136), who cut, masked and replaced words,
and of Jiao et al. (2020, arXiv:1909.10351), who replaced words by near ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from dixtill_hf.data.words import word_spans, words_of

# A text as its words, each with the white space in front of it.
Words = list[str]
# From a text, a random generator and all texts to one variant, of at least one word.
Variation = Callable[[Words, np.random.Generator, Sequence[Words]], Words]


def _cut(words: Words, generator: np.random.Generator, texts: Sequence[Words]) -> Words:
    """A passage of 30 to 90 % of the words."""
    length = max(1, round(len(words) * generator.uniform(0.3, 0.9)))
    start = generator.integers(len(words) - length + 1)
    return words[start : start + length]


def _thin(words: Words, generator: np.random.Generator, texts: Sequence[Words]) -> Words:
    """The words but for a random 10 to 50 % of them."""
    kept = generator.random(len(words)) >= generator.uniform(0.1, 0.5)
    kept[generator.integers(len(words))] = True
    return [word for word, keep in zip(words, kept, strict=True) if keep]


def _splice(words: Words, generator: np.random.Generator, texts: Sequence[Words]) -> Words:
    """The beginning of the text, then the end of another; 30 to 70 % of each."""
    other = texts[int(generator.integers(len(texts)))]
    beginning = words[: max(1, int(len(words) * generator.uniform(0.3, 0.7)))]
    ending = other[int(len(other) * generator.uniform(0.3, 0.7)) :]
    return [*beginning, f" {ending[0].lstrip()}", *ending[1:]]


def _replace(
    words: Words, generator: np.random.Generator, similar: Mapping[str, Sequence[str]]
) -> Words:
    """The words, of which a random 15 to 50 % make room for similar ones."""
    share = generator.uniform(0.15, 0.5)
    replaced = []
    for word in words:
        bare = word.lstrip()
        near = similar.get(_normalized(bare), ())
        if near and generator.random() < share:
            other = near[int(generator.integers(len(near)))]
            cased = other.capitalize() if bare[0].isupper() else other
            replaced.append(word[: len(word) - len(bare)] + cased)
        else:
            replaced.append(word)
    return replaced


VARIATIONS: dict[str, Variation] = {"cut": _cut, "thin": _thin, "splice": _splice}
"""Ways to vary a text, by name; each variant is made by one of them at random."""


def text_variants(
    texts: Sequence[str],
    per_text: int,
    seed: int = 0,
    similar: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
    """Make variants of texts, for a teacher to label.

    Args:
        texts: The texts; one without words gives none.
        per_text: Variants of each text, at least 1.
        seed: Of all random choices.
        similar: What may stand for a word, as `similar_words` finds it. With it a random 15 to 50 %
            of the words of every variant that have any are replaced.

    Returns:
        The variants: of every text the first, then of every text the second, and so on; those that
        occur twice or are a text themselves are left out.

    Raises:
        ValueError: `per_text` is below 1.
    """
    if per_text < 1:
        raise ValueError(f"per_text must be at least 1, got {per_text}")
    generator = np.random.default_rng(seed)
    split = [words for words in map(_split, texts) if words]
    ways = list(VARIATIONS.values())

    def vary(words: Words) -> Words:
        varied = ways[generator.integers(len(ways))](words, generator, split)
        return _replace(varied, generator, similar) if similar else varied

    made = ("".join(vary(words)).strip() for _ in range(per_text) for words in split)
    known = {text.strip() for text in texts}
    return [text for text in dict.fromkeys(made) if text and text not in known]


@lru_cache(maxsize=2**16)
def _normalized(word: str) -> str:
    return "".join(words_of(word))


def _split(text: str) -> Words:
    ends = [end for _, end in word_spans(text)]
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
