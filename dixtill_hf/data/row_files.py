# SPDX-License-Identifier: Apache-2.0
"""Files of rows that are larger than memory, read in batches by the rules of `data.files`.

A file is gone through once before its first batch is given. So the types of its columns come from
all of its rows, and what is wrong in it is known before anything is computed. Memory does not grow
with a Parquet file, a CSV file, a tab-separated file without quotation marks around its cells, or
a file with one JSON object a line. A list of JSON objects, and a tab-separated file with quoted
cells, can only be understood as a whole and are held in memory.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from dixtill_hf.artifacts.storage import split_address
from dixtill_hf.data.checks import ROWS_SHOWN
from dixtill_hf.data.conventions import find_text_column
from dixtill_hf.data.files import (
    READERS,
    as_written,
    check_header,
    decode_text,
    json_column,
    json_line,
    kind_of,
    naming_file,
    plain_value,
    quote_hint,
    quoted_rows,
    refuse_twice,
    string_array,
)

_BYTES_AT_ONCE = 1 << 20
_ROWS_AT_ONCE = 4096


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


class RowFile:
    """A file of rows, gone through once.

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

    def batches(self, size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        """The rows from number `start` on, in batches of `size` rows; the last may be shorter."""
        raise NotImplementedError

    def open(self) -> BinaryIO:
        """The file, to be read."""
        return self._folder.open(self._name)

    def _columns(self) -> list[str]:
        """Names of the columns."""
        raise NotImplementedError

    def _survey(self) -> None:
        """Go through all rows; sets `schema`, `rows` and `invalid`."""
        raise NotImplementedError

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


class _ParquetFile(RowFile):
    def _columns(self) -> list[str]:
        try:
            with self.open() as file:
                parquet = pq.ParquetFile(file)
                self.rows, schema = parquet.metadata.num_rows, parquet.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise ValueError(str(error)) from error
        refuse_twice(schema.names, "it has the column")
        self.schema = pa.schema(_without_categories(column) for column in schema)
        return schema.names

    def _survey(self) -> None:
        row, place = 0, self.schema.names.index(self.text_column)
        with self.open() as file:
            for batch in self._read(file, _ROWS_AT_ONCE):  # all columns: any may be damaged
                self._note_missing(batch.column(place), row)
                row += len(batch)

    def batches(self, size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        with self.open() as file, naming_file(self.address):
            metadata = pq.ParquetFile(file).metadata
            groups: list[int] = []
            skipped = 0
            for group in range(metadata.num_row_groups):
                rows = metadata.row_group(group).num_rows
                if not groups and skipped + rows <= start:
                    skipped += rows
                else:
                    groups.append(group)
            yield from _resized(self._read(file, size, groups), start - skipped, size)

    def _read(
        self, file: BinaryIO, size: int, groups: list[int] | None = None
    ) -> Iterator[pa.RecordBatch]:
        try:
            parquet = pq.ParquetFile(file, pre_buffer=False)
            for batch in parquet.iter_batches(size, row_groups=groups, use_threads=False):
                table = pa.Table.from_batches([batch]).cast(self.schema).combine_chunks()
                table.validate(full=True)  # strings may be no UTF-8
                yield from table.to_batches()
        except (pa.ArrowException, OSError) as error:
            raise ValueError(str(error)) from error


class _TextFile(RowFile):
    """Lines of text in UTF-8."""

    def _lines(self) -> Iterator[bytes]:
        with self.open() as file:
            yield from file

    def _check_encoding(self) -> None:
        for number, line in enumerate(self._lines(), 1):
            decode_text(line, number)

    def _text(self, file: BinaryIO) -> TextIO:
        return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


class _SeparatedFile(_TextFile):
    """Rows of cells that are strings, the first of which names the columns."""

    separator: str

    def _rows_of_cells(self, text: TextIO) -> Iterator[tuple[int, list[str]]]:
        """The number of the line that a row begins in, and its cells; names of columns first."""
        raise NotImplementedError

    def _columns(self) -> list[str]:
        self._check_encoding()
        with self.open() as file:
            _, first = next(self._rows_of_cells(self._text(file)), (1, []))
        names = check_header(first, self.separator)
        self.schema = pa.schema((name, pa.string()) for name in names)
        return names

    def _survey(self) -> None:
        self.rows, place = 0, self.schema.names.index(self.text_column)
        for line, cells in self._rows():
            if len(cells) != len(self.schema):
                self.invalid.add(
                    self.rows,
                    f"line {line} has {len(cells)} cells, the first line has {len(self.schema)}. "
                    + quote_hint(self.separator),
                )
            elif not cells[place]:
                self.invalid.add(self.rows, f"it has no text (line {line})")
            self.rows += 1

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """All rows but the first; a blank line is one only if a row is one cell."""
        one_cell = len(self.schema) == 1
        blank: list[tuple[int, list[str]]] = []
        with self.open() as file:
            for line, cells in islice(self._rows_of_cells(self._text(file)), 1, None):
                if cells not in ([], [""]):
                    yield from blank
                    blank = []
                    yield line, cells
                elif one_cell:  # those at the end are none
                    blank.append((line, [""]))

    def batches(self, size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        rows, width = islice(self._rows(), start, None), len(self.schema)
        while part := list(islice(rows, size)):
            cells = [
                cells if len(cells) == width else [""] * width  # noted as invalid
                for _, cells in part
            ]
            columns = zip(*cells, strict=True)
            arrays = [string_array([cell or None for cell in column]) for column in columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


class _CsvFile(_SeparatedFile):
    separator = ","

    def _rows_of_cells(self, text: TextIO) -> Iterator[tuple[int, list[str]]]:
        return quoted_rows(text, self.separator)


class _PlainTsvFile(_SeparatedFile):
    separator = "\t"

    def _columns(self) -> list[str]:
        self._ends = any(line.endswith(b"\r\n") for line in self._lines())
        return super()._columns()

    def _rows_of_cells(self, text: TextIO) -> Iterator[tuple[int, list[str]]]:
        blank: list[tuple[int, list[str]]] = []
        for number, line in enumerate(_split_lines(text), 1):
            line = line.removesuffix("\n")
            if self._ends:
                line = line.removesuffix("\r")
            if line:
                yield from blank
                blank = []
                yield number, line.split("\t")
            else:
                blank.append((number, [""]))


class _JsonLinesFile(_TextFile):
    """One JSON object a line."""

    def _columns(self) -> list[str]:
        self._check_encoding()
        types: dict[str, pa.DataType] = {}
        self.rows, objects = 0, self._objects()
        while part := [row or {} for row, _ in islice(objects, _ROWS_AT_ONCE)]:
            for name in dict.fromkeys(name for row in part for name in row):
                kind = json_column(name, [row.get(name) for row in part]).type
                types[name] = _common_type(name, types.get(name, kind), kind)
            self.rows += len(part)
        self.schema = pa.schema(list(types.items()))
        return self.schema.names

    def _survey(self) -> None:
        for number, (row, problem) in enumerate(self._objects()):
            if row is None:
                self.invalid.add(number, problem)
            elif row.get(self.text_column) is None:
                self.invalid.add(number, "it has no text")

    def _objects(self) -> Iterator[tuple[dict[str, Any] | None, str]]:
        """The object of each row, or None and what is wrong with the row."""
        with self.open() as file:
            for number, line in enumerate(_split_lines(self._text(file)), 1):
                try:
                    values = json_line(number, line)
                except ValueError as error:
                    yield None, str(error).rstrip(".")
                    continue
                for value in values:
                    known = isinstance(value, dict)
                    yield (value, "") if known else (None, f"line {number} is no object")

    def batches(self, size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        objects = islice(self._objects(), start, None)
        while part := [row or {} for row, _ in islice(objects, size)]:
            arrays = [
                _typed([row.get(column.name) for row in part], column.type)
                for column in self.schema
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)


class _WholeFile(RowFile):
    """A file that can only be understood as a whole."""

    def _columns(self) -> list[str]:
        with self.open() as file:
            self._table = READERS[kind_of(self._name)](file.read()).combine_chunks()
        self.schema, self.rows = self._table.schema, len(self._table)
        return self.schema.names

    def _survey(self) -> None:
        self._note_missing(self._table.column(self.text_column).combine_chunks(), 0)

    def batches(self, size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        yield from _resized(iter(self._table.to_batches(max_chunksize=size)), start, size)


def open_row_file(address: str, text_column: str | None = None) -> RowFile:
    """Go through a `.csv`, `.tsv`, `.json`, `.jsonl` or `.parquet` file; see `RowFile`."""
    return _class_of(address)(address, text_column)


def _class_of(address: str) -> type[RowFile]:
    folder, name = split_address(address)
    kind = kind_of(name)
    if kind == ".parquet":
        return _ParquetFile
    if kind == ".csv":
        return _CsvFile
    with folder.open(name) as file:
        if kind == ".tsv":
            quoted = any(cell.startswith(b'"') for line in file for cell in line.split(b"\t"))
            return _WholeFile if quoted else _PlainTsvFile
        first = next((line for line in file if line.strip()), b"")
        following = any(line.strip() for line in file)
    return _JsonLinesFile if following and _is_json_object(first) else _WholeFile


def _is_json_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line.removeprefix(b"\xef\xbb\xbf")), dict)
    except ValueError:
        return False


def _split_lines(text: TextIO) -> Iterator[str]:
    r"""The lines that end with \n only, each with its end; a text file also splits at \r."""
    parts: list[str] = []
    for part in text:
        parts.append(part)
        if part.endswith("\n"):
            yield "".join(parts)
            parts = []
    if parts:
        yield "".join(parts)


def _resized(
    batches: Iterator[pa.RecordBatch], skipped: int, size: int
) -> Iterator[pa.RecordBatch]:
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


def _without_categories(column: pa.Field) -> pa.Field:
    kind = column.type
    return column.with_type(kind.value_type) if pa.types.is_dictionary(kind) else column


def _common_type(name: str, one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type of a column that has these types in parts of a file; see `json_column`."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    simple = [kind for kind in (one, other) if not pa.types.is_nested(kind)]
    if len(simple) == 2:
        return pa.float64() if {one, other} == {pa.int64(), pa.float64()} else pa.string()
    try:
        both = [pa.schema([("", kind)]) for kind in (one, other)]
        return pa.unify_schemas(both, promote_options="permissive").field(0).type
    except pa.ArrowException as error:
        raise ValueError(f"the column {name!r} mixes values of several kinds: {error}") from error


def _typed(values: list[Any], kind: pa.DataType) -> pa.Array:
    """JSON values as an array of the type that their whole column has."""
    if pa.types.is_string(kind):
        return string_array([as_written(value) for value in values])
    plain = [plain_value(value) for value in values]
    if pa.types.is_float64(kind):
        plain = [None if value is None else float(value) for value in plain]
    return pa.array(plain, kind)
