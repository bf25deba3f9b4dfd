# SPDX-License-Identifier: Apache-2.0
"""Lists of words that a student must not know, one word a line."""

from __future__ import annotations

from pathlib import Path


def read_words(path: str | Path | None) -> list[str]:
    """The words of a UTF-8 file, one a line, without empty lines.

    Args:
        path: The file; None is no word.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds no word, or is not UTF-8.
    """
    if path is None:
        return []
    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file of words {path}.")
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 ({error}): save it as UTF-8 text.") from error
    words = [line.strip() for line in lines if line.strip()]
    if not words:
        raise ValueError(f"{path} holds no word: write a word a line, or leave it out.")
    return words
