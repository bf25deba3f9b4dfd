# SPDX-License-Identifier: Apache-2.0
"""Ways to normalize a text before a student reads it.

Each keeps a text as long as it is, so that the teacher's spans still fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable


def digits(text: str) -> str:
    """Every digit is 0, so that numbers of the same form are the same word."""
    return re.sub(r"\d", "0", text)


def tickers(text: str) -> str:
    """The name behind a $ is told by its length alone."""
    return re.sub(r"(?<=\$)[A-Za-z]+", lambda name: "x" * len(name[0]), text)


def links(text: str) -> str:
    """Every link is the word `http`."""
    return re.sub(r"https?://\S+", lambda link: "http".ljust(len(link[0])), text)


def hashtags(text: str) -> str:
    """A hashtag is read without its sign, as the word that it is."""
    return re.sub(r"#(?=\w)", " ", text)


def capitals(text: str) -> str:
    """Words in capitals are other words than the same in small letters.

    Capitals A to Z are those of full width, which the student reads as letters of their own.
    """
    wide = {ord("A") + i: ord("\uff21") + i for i in range(26)}
    return re.sub(r"\b[A-Z]{2,}\b", lambda word: word[0].translate(wide), text)


NORMALIZATIONS: dict[str, Callable[[str], str]] = {
    "digits": digits,
    "tickers": tickers,
    "links": links,
    "hashtags": hashtags,
    "capitals": capitals,
}
"""Changes of a text by the name that a setting gives."""
