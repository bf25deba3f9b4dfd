# SPDX-License-Identifier: Apache-2.0
"""What all files have in common that are read in batches."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar, TextIO

import pyarrow as pa

from dixtill_hf.artifacts.storage import split_address
from dixtill_hf.data.checks import ROWS_SHOWN
from dixtill_hf.data.conventions import find_text_column
from dixtill_hf.data.formats.encoding import decode_text
from dixtill_hf.data.formats.kinds import kind_of, naming_file

_BYTES_AT_ONCE = 1 << 20


@dataclass
class InvalidRows:
    """Rows that cannot be classified.

    Attributes:
        count: How many there are.
        first: The first of them: number of the row, from 0, and what is wrong with it.
    """

    count: int = 0
    first: dict[int, str] = field(default_factory=dict)

    def add(self, row: int, reason: str) -> None:
        """Note a row."""
        self.count += 1
        if len(self.first) < ROWS_SHOWN:
            self.first[row] = reason

    def __str__(self) -> str:
        shown = "; ".join(f"row {row} (counted from 0): {why}" for row, why in self.first.items())
        more = f"; and {self.count - len(self.first)} more" if self.count > len(self.first) else ""
        return f"{shown}{more}"


class RowFile(ABC):
    """A file of rows, gone through once when it is made and then read in batches.

    Attributes:
        address: Its path or URL.
        digest: Hash of its kind and content.
        text_column: The column of the text.
        schema: Names and types of its columns.
        rows: How many rows it has.
        invalid: Rows without a text, or that cannot be read.
    """

    schema: pa.Schema
    rows: int
    text_column: str
    # How many rows are held in memory while it is gone through.
    _rows_at_once: ClassVar[int] = 4096

    def __init__(self, address: str, text_column: str | None = None) -> None:
        """Go through a file.

        Args:
            address: Its path or URL.
            text_column: The column of the text. Default: the one called text, sentence, tweet or
                content.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It cannot be read, can be read in several ways, or has no column of texts;
                says where and what to do.
        """
        self.address = address
        self._folder, self._name = split_address(address)
        self.digest = self._digest(kind_of(self._name))
        self.invalid = InvalidRows()
        with naming_file(address):
            names = self._columns()
        self.text_column = find_text_column(names, text_column, address)
        with naming_file(address):
            self._survey()
        kind = self.schema.field(self.text_column).type
        if self.rows and not (_is_string(kind) or self.invalid.count == self.rows):
            raise ValueError(
                f"The text column {self.text_column!r} of {address} holds {kind}, not strings. "
                "Name another: text_column=..."
            )

    @abstractmethod
    def batches(self, size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        """The rows from number `start` on, in batches of `size` rows; the last may be shorter."""

    def open(self) -> BinaryIO:
        """The file, to be read."""
        return self._folder.open(self._name)

    @abstractmethod
    def _columns(self) -> list[str]:
        """Names of the columns."""

    @abstractmethod
    def _survey(self) -> None:
        """Go through all rows; sets `schema`, `rows` and `invalid`."""

    def _digest(self, kind: str) -> str:
        digest = hashlib.blake2b(kind.encode(), digest_size=16)
        with self.open() as file:
            while block := file.read(_BYTES_AT_ONCE):
                digest.update(block)
        return digest.hexdigest()

    def _note_missing(self, texts: pa.Array, first_row: int) -> None:
        """Note the rows without a text, but those that are noted already."""
        if texts.null_count:
            for row, text in enumerate(texts.to_pylist(), first_row):
                if text is None:
                    self.invalid.add(row, "it has no text")


class TextFile(RowFile):
    """A file of lines of text in UTF-8."""

    def _lines(self) -> Iterator[bytes]:
        with self.open() as file:
            yield from file

    def _check_encoding(self) -> None:
        for number, line in enumerate(self._lines(), 1):
            decode_text(line, number)

    def _text(self, file: BinaryIO) -> TextIO:
        return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


def split_lines(text: TextIO) -> Iterator[str]:
    r"""The lines that end with \n only, each with its end; a text file also splits at \r."""
    parts: list[str] = []
    for part in text:
        parts.append(part)
        if part.endswith("\n"):
            yield "".join(parts)
            parts = []
    if parts:
        yield "".join(parts)


def resized(batches: Iterator[pa.RecordBatch], skipped: int, size: int) -> Iterator[pa.RecordBatch]:
    """The rows after the first `skipped`, in batches of exactly `size` but the last."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        if skipped >= len(batch):
            skipped -= len(batch)
            continue
        held.append(batch.slice(skipped))
        skipped = 0
        while sum(map(len, held)) >= size:
            whole = _joined(held)
            yield whole.slice(0, size)
            held = [whole.slice(size)] if len(whole) > size else []
    if held:
        yield _joined(held)


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _is_string(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
