# SPDX-License-Identifier: Apache-2.0
"""Read files of rows: comma- and tab-separated text, JSON and Parquet.

Nothing is guessed from a part of a file. In separated text every cell is a string, as it is
written, and an empty cell is missing. In JSON a column of numbers is one of numbers; a column that
mixes numbers or truth values with strings is one of strings, as they are written. What can be read
in two ways is refused. A path is a path, never a pattern, and the content of a file is its
identity: a file that was replaced is read anew, whatever its name, size and date.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset

# Part of every fingerprint: a change of how files are read must not find what was made before.
_READER_VERSION = 1
_OTHER_SEPARATORS = ",;\t|"
_INT64 = range(-(2**63), 2**63)
# A cell of a file that is read in parts; more is a quotation mark that was never closed.
_LONGEST_CELL = 1 << 26


def read_file(path: Path) -> Dataset:
    """Read the rows of one file; its suffix says of which kind it is.

    Args:
        path: A `.csv`, `.tsv`, `.json`, `.jsonl` or `.parquet` file.

    Returns:
        The rows, with a fingerprint of the file's content.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is of another kind, damaged, empty, in another encoding than UTF-8, or can
            be read in several ways; says where and what to do.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}{_nearest_file(path)}.")
    suffix = kind_of(str(path))
    content = path.read_bytes()
    with naming_file(str(path)):
        table = READERS[suffix](content)
    digest = hashlib.blake2b(f"{_READER_VERSION} {suffix} ".encode(), digest_size=16)
    digest.update(content)
    return Dataset(table, fingerprint=f"file-{digest.hexdigest()}")


def kind_of(name: str) -> str:
    """The suffix of a file, in lower case.

    Raises:
        ValueError: Files of this kind are not read.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in READERS:
        raise ValueError(f"{name} is not one of the kinds that are read: {', '.join(READERS)}.")
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


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (nor a directory {path.parent})"
    names = [entry.name for entry in path.parent.iterdir()]
    nearest = difflib.get_close_matches(path.name, names, n=1)
    return f" (did you mean {nearest[0]}?)" if nearest else ""


def decode_text(content: bytes, first_line: int = 1) -> str:
    """The text of a file in UTF-8, or of some of its lines, without a byte order mark.

    Args:
        content: The bytes.
        first_line: Number of the line that they begin with, for messages.

    Raises:
        ValueError: It is in another encoding; says where, and how to convert it.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ValueError(f"it is in UTF-16, not UTF-8: {_convert('UTF-16')}")
    if 0 in content:
        line = content[: content.index(0)].count(b"\n") + first_line
        raise ValueError(
            f"there is a NUL character in line {line}, as in UTF-16 or a binary file. If it is "
            f"UTF-16: {_convert('UTF-16LE')}"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + first_line
        raise ValueError(
            f"the byte 0x{content[error.start]:02x} in line {line} is not UTF-8. "
            f"If it is in Latin-1, as Excel and Windows write: {_convert('WINDOWS-1252')}"
        ) from error


def _convert(encoding: str) -> str:
    return f"convert it with iconv -f {encoding} -t UTF-8 OLD > NEW"


Row = tuple[int, list[str]]


def _read_csv(content: bytes) -> pa.Table:
    return _table_of_cells(list(_quoted_text_rows(decode_text(content), ",")), ",")


def _read_tsv(content: bytes) -> pa.Table:
    """Tab-separated rows, whose quotation marks mean something only if the whole file says so.

    A plain writer does not quote: a quotation mark is a character of the text. Excel and pandas
    quote as in CSV, either every cell or those that need it. So cells are unquoted if all names of
    columns or all other cells are quoted, or if exactly those cells are quoted that need it.
    """
    text = decode_text(content)
    plain = _plain_rows(text)
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
    return [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line]


def _plain_rows(text: str) -> list[Row]:
    if "\r\n" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    lines = text.split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return [(number, line.split("\t")) for number, line in enumerate(lines, 1)]


def quoted_rows(
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
    return quoted_rows(io.StringIO(text, newline=""), separator, max(len(text), 1))


def _table_of_cells(rows: Sequence[Row], separator: str) -> pa.Table:
    """Columns of strings from rows of cells, of which the first names the columns."""
    header = check_header(rows[0][1] if rows else [], separator)
    # A blank line is a row only if a row is one cell, which is then missing.
    rows = [
        (line, cells) for line, cells in rows[1:] if len(header) == 1 or cells not in ([], [""])
    ]
    while rows and not any(rows[-1][1]) and len(header) == 1:
        rows.pop()
    if not rows:
        raise ValueError("it has the names of its columns, but no rows")
    for line, cells in rows:
        if len(cells or [""]) != len(header):
            raise ValueError(
                f"the row in line {line} has {len(cells)} cells, the first line has {len(header)}. "
                + quote_hint(separator)
            )
    columns = zip(*(cells or [""] for _, cells in rows), strict=True)
    arrays = [string_array([cell or None for cell in column]) for column in columns]
    return pa.Table.from_arrays(arrays, header)


def quote_hint(separator: str) -> str:
    """What to do about a row with more or fewer cells than columns."""
    if separator == ",":
        return "A text that holds commas or line breaks must be in quotation marks"
    return "A text must hold no tabs or line breaks"


def check_header(names: Sequence[str], separator: str) -> list[str]:
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


def refuse_twice(names: Sequence[str], what: str) -> None:
    """Refuse a name that occurs more than once.

    Raises:
        ValueError: One does; `what` begins the message.
    """
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise ValueError(f"{what} {twice!r} more than once")


def string_array(values: Sequence[str | None]) -> pa.Array:
    """Strings for Arrow.

    Raises:
        ValueError: One of them holds half of a surrogate pair.
    """
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError as error:
        row = next(row for row, value in enumerate(values) if value and not _is_text(value))
        raise ValueError(
            f"row {row} (counted from 0) holds half of a surrogate pair, which is no character"
        ) from error


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


class _Number(str):
    """A number of a JSON file, as it is written."""

    __slots__ = ()


_DECODER = json.JSONDecoder(
    object_pairs_hook=lambda pairs: _object(pairs),
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=lambda name: _constant(name),
)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    refuse_twice([name for name, _ in pairs], "an object has the key")
    return dict(pairs)


def _constant(name: str) -> None:
    """Missing, for the NaN of pandas, which is no JSON."""
    if name != "NaN":
        raise ValueError(f"{name} is no JSON")


def _read_json(content: bytes) -> pa.Table:
    """A list of objects, or one object a line."""
    text = decode_text(content)
    if not text.strip():
        raise ValueError("it is empty")
    try:
        rows = _DECODER.decode(text)
    except json.JSONDecodeError:
        rows = [row for line in enumerate(text.split("\n"), 1) for row in json_line(*line)]
    if isinstance(rows, dict):
        if any(isinstance(value, list | dict) for value in rows.values()) and not any(
            isinstance(value, str) for value in rows.values()
        ):
            raise ValueError(
                "it is one object of columns or splits. Save it as a list of objects, one for each "
                'row: [{"text": "...", "label": "..."}, ...]'
            )
        rows = [rows]
    if not isinstance(rows, list) or not rows:
        raise ValueError("it is no list of objects, or an empty one")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ValueError(f"row {number} (counted from 0) is no object: {str(row)[:40]!r}")
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: json_column(name, [row.get(name) for row in rows]) for name in names})


def json_line(number: int, line: str) -> list[Any]:
    """The value in a line of JSON; none in a blank line.

    Raises:
        ValueError: It is no JSON; names the line by its number.
    """
    if not line.strip():
        return []
    try:
        return [_DECODER.decode(line)]
    except json.JSONDecodeError as error:
        raise ValueError(
            f"line {number} is no JSON ({error.msg}, column {error.colno}). Expected are a list "
            "of objects or one object a line"
        ) from error


def json_column(name: str, values: list[Any]) -> pa.Array:
    """A column of JSON values, of the type that all of them have.

    Raises:
        ValueError: They have several types.
    """
    present = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in present):
        return pa.array(values, pa.bool_() if present else pa.null())
    if all(isinstance(value, _Number) for value in present):
        return _numbers(values)
    if all(isinstance(value, str | bool) for value in present):
        return string_array([as_written(value) for value in values])
    try:
        return pa.array([plain_value(value) for value in values])
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:
        raise ValueError(f"the column {name!r} mixes values of several kinds: {error}") from error


def as_written(value: str | bool | None) -> str | None:
    """A string, number or truth value as the file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _numbers(values: list[_Number | None]) -> pa.Array:
    """Integers of 64 bits if all are, else floats; strings if they are too long for either."""
    numbers = [plain_value(value) for value in values]
    if all(number is None or isinstance(number, int) for number in numbers):
        return pa.array(numbers, pa.int64())
    if any(isinstance(number, str) for number in numbers):
        return string_array([as_written(value) for value in values])
    return pa.array([None if number is None else float(number) for number in numbers], pa.float64())


def plain_value(value: Any) -> Any:
    """A JSON value with its numbers as numbers."""
    if isinstance(value, _Number):
        if re.fullmatch(r"-?\d{1,19}", value) and int(value) in _INT64:
            return int(value)
        number = float(value)
        exact = not re.fullmatch(r"-?\d+", value) and math.isfinite(number)
        return number if exact else str(value)
    if isinstance(value, list):
        return [plain_value(item) for item in value]
    if isinstance(value, dict):
        return {key: plain_value(item) for key, item in value.items()}
    return value


def _read_parquet(content: bytes) -> pa.Table:
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read()
        table.validate(full=True)  # strings may be no UTF-8
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from error
    refuse_twice(table.column_names, "it has the column")
    if not len(table):
        raise ValueError("it has no rows")
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):  # what pandas calls categories
            column = table.column(place).cast(field.type.value_type)
            table = table.set_column(place, field.name, column)
    return table


READERS: dict[str, Callable[[bytes], pa.Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".json": _read_json,
    ".jsonl": _read_json,
    ".parquet": _read_parquet,
}
