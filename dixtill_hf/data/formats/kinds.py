# SPDX-License-Identifier: Apache-2.0
"""Which kinds of files are read, and how a message names the file that it is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

KINDS = (".csv", ".tsv", ".json", ".jsonl", ".parquet")
"""Suffixes of the files that are read."""


def kind_of(name: str) -> str:
    """The suffix of a file, in lower case.

    Raises:
        ValueError: Files of this kind are not read.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in KINDS:
        raise ValueError(
            f"{name} is not one of the kinds that are read: {', '.join(KINDS)}. Convert it to one."
        )
    return suffix


@contextmanager
def naming_file(name: str) -> Iterator[None]:
    """Put the name of a file before the message of what is wrong in it."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        reason = str(error).rstrip(".")
        kind = PurePath(name).suffix.lower()[1:]
        raise ValueError(f"{name} cannot be read as {kind}: {reason}.") from error
