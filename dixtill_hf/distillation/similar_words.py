# SPDX-License-Identifier: Apache-2.0
"""Words that stand near one another in word vectors, to replace one by another.

Jiao et al. (2020, arXiv:1909.10351) replace words so to have more text for a student.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch

from dixtill_hf.data.words import words_of
from dixtill_hf.student.word_vectors import frequent_words, load_word_vectors

# The most frequent words carry the grammar of a text rather than what it is about.
GRAMMAR = 120
LEAST = 0.5  # cosine
# Rows of the table of cosines in memory at once.
_ROWS = 1024


def similar_words(
    texts: Iterable[str], word_vectors: str | Path, pool: int = 10_000, most: int = 10
) -> dict[str, list[str]]:
    """Find the words that may stand for the words of texts.

    They are alike in what they are about, not in what they say of it: "falls" is near "rises". So
    a text of replaced words needs a label of its own.

    Args:
        texts: The texts.
        word_vectors: As for `load_word_vectors`, ordered by frequency.
        pool: So many of the most frequent words of the vectors may take the place of another.
        most: Of these the nearest so many, with a cosine of at least 0.5.

    Returns:
        For each word, normalised, that has any: the nearest words, the nearest first. Numbers,
        punctuation marks and the 120 most frequent words of the vectors have none.

    Raises:
        FileNotFoundError, ImportError: As for `load_word_vectors`.
        ValueError: As for it, or `pool` or `most` is below 1.
    """
    for name, value in (("pool", pool), ("most", most)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}.")
    frequent = frequent_words(word_vectors, pool)
    grammar = set(frequent[:GRAMMAR])
    others = [word for word in frequent if _is_word(word)]
    words = sorted({word for text in texts for word in words_of(text) if _is_word(word)} - grammar)
    vectors = load_word_vectors(word_vectors, [*words, *others])
    words = [word for word in words if word in vectors.rows]
    matrix = torch.nn.functional.normalize(torch.from_numpy(vectors.matrix))
    candidates = matrix[[vectors.rows[word] for word in others]]
    found = {}
    for start in range(0, len(words), _ROWS):
        part = words[start : start + _ROWS]
        cosines = matrix[[vectors.rows[word] for word in part]] @ candidates.T
        # One more, since a word is the nearest to itself.
        nearest = torch.topk(cosines, min(most + 1, len(others)))
        for word, values, places in zip(part, *(one.tolist() for one in nearest), strict=True):
            near = [others[i] for i, value in zip(places, values, strict=True) if value >= LEAST]
            found[word] = [other for other in near if other != word][:most]
    return {word: near for word, near in found.items() if near}


def _is_word(word: str) -> bool:
    return any(map(str.isalpha, word)) and not any(map(str.isdigit, word))
