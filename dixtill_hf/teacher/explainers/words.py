# SPDX-License-Identifier: Apache-2.0
"""Which of the teacher's tokens make up each word of a text."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from dixtill_hf.data.words import word_spans


def words_of_tokens(text: str, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """The word that each token belongs to, numbered from 0 in the order of the text.

    Words that one token straddles count as one, and so do all that are linked in this way. A token
    of white space or control characters alone goes with the token after it.

    Args:
        text: The text.
        spans: `[start, end)` characters of every token, in order.

    Returns:
        Integers `(tokens,)`; every number below their largest is some token's.
    """
    borders = word_spans(text)
    starts, ends = [start for start, _ in borders], [end for _, end in borders]
    touched = [(bisect_right(ends, start), bisect_left(starts, end)) for start, end in spans]
    begins = np.ones(len(borders), dtype=int)  # 0: linked with the word before it
    for first, beyond in touched:
        begins[first + 1 : beyond] = 0
    number = begins.cumsum()
    owners = [int(number[first]) if first < beyond else None for first, beyond in touched]
    return np.unique(_filled(owners), return_inverse=True)[1].reshape(-1)


def _filled(owners: Sequence[int | None]) -> list[int]:
    """Each missing owner is that of the next token, or of the last that has one."""
    known = [owner for owner in owners if owner is not None]
    following = known[-1] if known else 0
    filled = []
    for owner in reversed(owners):
        following = following if owner is None else owner
        filled.append(following)
    return filled[::-1]
