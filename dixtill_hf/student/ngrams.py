# SPDX-License-Identifier: Apache-2.0
"""The character n-grams of words, in hashed buckets (Bojanowski et al. 2017, arXiv:1607.04606)."""

from collections.abc import Mapping
from zlib import crc32

import torch

from dixtill_hf.student.tokenization import SPECIAL_TOKENS

LENGTHS = (3, 4, 5)
# Of a longer word, such as a key or a laugh, this many characters at its beginning are read, the
# border included: the word with the most n-grams decides how many all have room for.
_MOST_CHARACTERS = 32


def character_ngrams(word: str) -> list[str]:
    """The n-grams of 3 to 5 characters of a word and its borders: `up` has `<up`, `up>`, `<up>`.

    A word of more than 30 characters is read at its beginning alone.
    """
    bounded = f"<{word}>"[:_MOST_CHARACTERS]
    return [
        bounded[start : start + length]
        for length in LENGTHS
        for start in range(len(bounded) - length + 1)
    ]


def hashed_ngrams(vocabulary: Mapping[str, int], buckets: int) -> torch.Tensor:
    """The buckets of the n-grams of each word.

    Args:
        vocabulary: The id of each word, 0 to their number; special tokens have no n-grams.
        buckets: How many there are; of 0 no word has any.

    Returns:
        int64 (words, n-grams), 1 to `buckets`; 0 behind the last n-gram of a word.
    """
    if buckets == 0:
        return torch.zeros(len(vocabulary), 0, dtype=torch.long)
    found: list[list[int]] = [[] for _ in vocabulary]
    for word, word_id in vocabulary.items():
        if word not in SPECIAL_TOKENS:
            found[word_id] = [1 + crc32(one.encode()) % buckets for one in character_ngrams(word)]
    rows = [torch.tensor(one, dtype=torch.long) for one in found]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
