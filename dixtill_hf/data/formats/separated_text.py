# SPDX-License-Identifier: Apache-2.0
"""Comma- and tab-separated files: every cell is a string, as it is written.

An empty cell is missing. The first row names the columns.
"""

from __future__ import annotations

import csv
import io
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import ClassVar, TextIO

import pyarrow as pa

from dixtill_hf.data.formats.encoding import decode_text, string_array
from dixtill_hf.data.formats.row_file import TextFile, split_lines
from dixtill_hf.data.names import refuse_twice

_OTHER_SEPARATORS = ",;\t|"
# A cell of a file that is read in batches; more is a quotation mark that was never closed.
_LONGEST_CELL = 1 << 26

# The number of the line that a row begins in (from 1), and its cells.
Row = tuple[int, list[str]]


def read_csv(content: bytes) -> pa.Table:
    """The rows of a comma-separated file.

    Raises:
        ValueError: It is in another encoding than UTF-8, empty, or not quoted as CSV is; or a row
            has more or fewer cells than the first line.
    """
    return _table_of_cells(list(_quoted_text_rows(decode_text(content), ",")), ",")


def read_tsv(content: bytes) -> pa.Table:
    """Tab-separated rows, whose quotation marks mean something only if the whole file says so.

    A plain writer does not quote: a quotation mark is a character of the text. Excel and pandas
    quote as in CSV, either every cell or those that need it. So cells are unquoted if all names of
    columns or all other cells are quoted, or if exactly those cells are quoted that need it.

    Raises:
        ValueError: It is in another encoding than UTF-8, empty, or can be read in two ways; or a
            row has more or fewer cells than the first line.
    """
    text = decode_text(content)
    plain = list(_plain_rows(text.split("\n"), "\r\n" in text))
    while plain and plain[-1][1] == [""]:
        plain.pop()
    if not any(cell.startswith('"') for _, cells in plain for cell in cells):
        return _table_of_cells(plain, "\t")
    names, *others = ([_in_quotes(cell) for cell in cells] for _, cells in plain)
    if all(names) or (others and all(map(all, others))):
        return _table_of_cells(list(_quoted_text_rows(text, "\t")), "\t")
    quoted = _rows_if_quoted(text)
    if quoted is not None:
        one_shape = {len(cells) for _, cells in plain} == {len(plain[0][1])}
        if one_shape and len(plain) != len(quoted):
            raise ValueError(
                f"its quotation marks can be read in two ways, as {len(quoted) - 1} rows or as "
                f"{len(plain) - 1}. Save it as .csv or .jsonl"
            )
        return _table_of_cells(quoted, "\t")
    columns = zip(*(cells for _, cells in plain[1:]), strict=False)
    if any(all(map(_in_quotes, column)) for column in columns) or any(
        _is_escaped(cell) for _, cells in plain for cell in cells
    ):
        raise ValueError(
            "some of its cells are in quotation marks as in a CSV file, and others are not as they "
            "should be then. Save it without quotation marks around cells, or as .csv"
        )
    return _table_of_cells(plain, "\t")


def _rows_if_quoted(text: str) -> list[Row] | None:
    """The rows if exactly those cells are quoted that need it, as pandas or Excel sees it."""
    try:
        rows = list(_quoted_text_rows(text, "\t"))
    except ValueError:
        return None
    lines = _lines(text)
    return rows if any(_written_quoting(s, rows) == lines for s in _NEED_QUOTES) else None


# What a cell must hold to be quoted by pandas, and by Excel.
_NEED_QUOTES = ('"\t\r\n', '"\t\r\n,')


def _in_quotes(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == cell[-1] == '"'


def _is_escaped(cell: str) -> bool:
    """Whether a cell is in quotation marks, and those inside are doubled."""
    return _in_quotes(cell) and '""' in cell[1:-1] and '"' not in cell[1:-1].replace('""', "")


def _written_quoting(special: str, rows: Sequence[Row]) -> list[str]:
    """The lines of rows written by a writer that quotes only cells with these characters."""
    lines = []
    for _, cells in rows:
        quoted = [
            f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(c in special for c in cell) else cell
            for cell in cells
        ]
        lines.append("\t".join(quoted))
    return _lines("\n".join(lines))


def _lines(text: str) -> list[str]:
    """The lines that are not blank, without their ends."""
    return [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]


def _plain_rows(lines: Iterable[str], carriage_returns: bool) -> Iterator[Row]:
    """The rows of tab-separated text without quotation marks around cells; all lines are rows.

    Args:
        lines: The lines, with or without the end of a line.
        carriage_returns: Whether a carriage return before the end of a line belongs to that end.
    """
    for number, line in enumerate(lines, 1):
        line = line.removesuffix("\n")
        yield number, (line.removesuffix("\r") if carriage_returns else line).split("\t")


def _quoted_rows(
    lines: Iterable[str], separator: str, longest: int = _LONGEST_CELL
) -> Iterator[Row]:
    """The rows, with the number of the line that each begins in (from 1).

    Args:
        lines: The lines, with what ends them.
        separator: Between two cells.
        longest: Most characters of a cell.

    Raises:
        ValueError: A row is not quoted as CSV is.
    """
    limit = csv.field_size_limit(longest)
    try:
        reader = csv.reader(lines, delimiter=separator, strict=True)
        line = 1
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"the row that begins in line {line} is not quoted as CSV is ({error}). A cell in "
            'quotation marks has its own quotation marks doubled: "He said ""no"""'
        ) from error
    finally:
        csv.field_size_limit(limit)


def _quoted_text_rows(text: str, separator: str) -> Iterator[Row]:
    return _quoted_rows(io.StringIO(text, newline=""), separator, max(len(text), 1))


def _table_of_cells(rows: Sequence[Row], separator: str) -> pa.Table:
    """Columns of strings from rows of cells, of which the first names the columns."""
    header = _check_header(rows[0][1] if rows else [], separator)
    rows = list(_without_blank_lines(rows[1:], len(header)))
    if not rows:
        raise ValueError("it has the names of its columns, but no rows")
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(_wrong_width(line, cells, len(header), separator))
    return pa.Table.from_arrays(_arrays([cells for _, cells in rows]), header)


def _without_blank_lines(rows: Iterable[Row], columns: int) -> Iterator[Row]:
    """The rows; a blank line is a row only if there is one column and another row follows."""
    blank: list[Row] = []
    for line, cells in rows:
        if cells not in ([], [""]):
            yield from blank
            blank = []
            yield line, cells
        elif columns == 1:
            blank.append((line, [""]))


def _wrong_width(line: int, cells: Sequence[str], columns: int, separator: str) -> str:
    """What is wrong with a row that has more or fewer cells than columns, and what to do."""
    rule = (
        "A text that holds commas or line breaks must be in quotation marks"
        if separator == ","
        else "A text must hold no tabs or line breaks"
    )
    return f"the row in line {line} has {len(cells)} cells, the first line has {columns}. {rule}"


def _arrays(rows: Sequence[Sequence[str]]) -> list[pa.Array]:
    """The columns of rows of cells; an empty cell is missing."""
    columns = zip(*rows, strict=True)
    return [string_array([cell or None for cell in column]) for column in columns]


def _check_header(names: Sequence[str], separator: str) -> list[str]:
    """The names of the columns; a column without one is called by its number."""
    if not any(names):
        raise ValueError("its first line, which must name the columns, is empty")
    spaced = [name for name in names if name != name.strip()]
    if spaced:
        raise ValueError(
            f"the names of its columns have spaces around them: {', '.join(map(repr, spaced))}. "
            "Remove these spaces, and those around the cells"
        )
    if len(names) == 1:
        for other in _OTHER_SEPARATORS:
            if other in names[0]:
                raise ValueError(
                    f"its columns seem to be separated by {other!r}: the first line is "
                    f"{names[0]!r}. Save it as .csv with commas, or as .tsv with tabs"
                )
    header = [name or f"column {number}" for number, name in enumerate(names, 1)]
    refuse_twice(header, "the first line names the column")
    return header


class SeparatedFile(TextFile):
    """Rows of cells that are strings, the first of which names the columns; read in batches."""

    separator: ClassVar[str]

    @abstractmethod
    def _rows_of_cells(self, text: TextIO) -> Iterator[Row]:
        """All rows; the first has the names of the columns."""

    def _columns(self) -> list[str]:
        self._check_encoding()
        with self.open() as file:
            _, first = next(self._rows_of_cells(self._text(file)), (1, []))
        names = _check_header(first, self.separator)
        self.schema = pa.schema((name, pa.string()) for name in names)
        return names

    def _survey(self) -> None:
        self.rows, place = 0, self.schema.names.index(self.text_column)
        for line, cells in self._rows():
            if len(cells) != len(self.schema):
                problem = _wrong_width(line, cells, len(self.schema), self.separator)
                self.invalid.add(self.rows, problem)
            elif not cells[place]:
                self.invalid.add(self.rows, f"it has no text (line {line})")
            self.rows += 1

    def _rows(self) -> Iterator[Row]:
        """All rows below the names of the columns."""
        with self.open() as file:
            rows = islice(self._rows_of_cells(self._text(file)), 1, None)
            yield from _without_blank_lines(rows, len(self.schema))

    def batches(self, size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        """See `RowFile.batches`."""
        rows, width = islice(self._rows(), start, None), len(self.schema)
        while part := list(islice(rows, size)):
            cells = [
                cells if len(cells) == width else [""] * width  # noted as invalid
                for _, cells in part
            ]
            yield pa.RecordBatch.from_arrays(_arrays(cells), schema=self.schema)


class CsvFile(SeparatedFile):
    """A comma-separated file."""

    separator = ","

    def _rows_of_cells(self, text: TextIO) -> Iterator[Row]:
        return _quoted_rows(text, self.separator)


class PlainTsvFile(SeparatedFile):
    """A tab-separated file without quotation marks around its cells."""

    separator = "\t"

    def _columns(self) -> list[str]:
        self._carriage_returns = any(line.endswith(b"\r\n") for line in self._lines())
        return super()._columns()

    def _rows_of_cells(self, text: TextIO) -> Iterator[Row]:
        return _plain_rows(split_lines(text), self._carriage_returns)
