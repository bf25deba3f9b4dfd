# SPDX-License-Identifier: Apache-2.0
"""The word vectors that a recipe names."""

from __future__ import annotations

from pathlib import Path

from dixtill_hf.data.packaged import packaged_glove, sha256_of
from dixtill_hf.student.word_vectors import PACKAGED_GLOVE

NO_VECTORS = "none"


def word_vector_source(name: str) -> str | None:
    """What `load_word_vectors` is given for a recipe's `word_vectors`."""
    return None if name == NO_VECTORS else name


def identify_word_vectors(name: str) -> str:
    """What the vectors are: a file by what it holds; the packaged ones are always the same."""
    path = Path(name)
    if name in (NO_VECTORS, PACKAGED_GLOVE) or not path.is_file():
        return name
    return sha256_of(path)


def check_word_vectors(name: str) -> None:
    """Refuse vectors that are not there.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: The packaged word vectors are not installed.
    """
    if name == PACKAGED_GLOVE:
        packaged_glove()
    elif name != NO_VECTORS and not Path(name).is_file():
        raise FileNotFoundError(
            f"There is no file of word vectors {name!r}. word_vectors is a file, "
            f"{PACKAGED_GLOVE!r}, or 'none' for random ones."
        )
