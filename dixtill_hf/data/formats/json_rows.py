# SPDX-License-Identifier: Apache-2.0
"""JSON files: a list of objects, or one object a line.

A column of numbers is one of numbers; a column that mixes numbers or truth values with strings is
one of strings, as they are written. The types come from all rows of a file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa

from dixtill_hf.data.formats.encoding import decode_text, string_array
from dixtill_hf.data.formats.row_file import TextFile, split_lines
from dixtill_hf.data.names import refuse_twice

_INT64 = range(-(2**63), 2**63)


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


def read_json(content: bytes) -> pa.Table:
    """The rows of a list of objects, or of one object a line.

    Raises:
        ValueError: It is in another encoding than UTF-8, damaged, empty, or of another form; or a
            column has values of several kinds.
    """
    text = decode_text(content)
    if not text.strip():
        raise ValueError("it is empty")
    try:
        rows = _DECODER.decode(text)
    except json.JSONDecodeError:
        rows = [row for line in enumerate(text.split("\n"), 1) for row in _json_line(*line)]
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
    return pa.table({name: _json_column(name, [row.get(name) for row in rows]) for name in names})


def _json_line(number: int, line: str) -> list[Any]:
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


def _json_column(name: str, values: list[Any]) -> pa.Array:
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
        return string_array([_as_written(value) for value in values])
    try:
        return pa.array([_plain_value(value) for value in values])
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:
        raise ValueError(f"the column {name!r} mixes values of several kinds: {error}") from error


def _as_written(value: str | bool | None) -> str | None:
    """A string, number or truth value as the file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _numbers(values: list[_Number | None]) -> pa.Array:
    """Integers of 64 bits if all are, else floats; strings if they are too long for either."""
    numbers = [_plain_value(value) for value in values]
    if all(number is None or isinstance(number, int) for number in numbers):
        return pa.array(numbers, pa.int64())
    if any(isinstance(number, str) for number in numbers):
        return string_array([_as_written(value) for value in values])
    return pa.array([None if number is None else float(number) for number in numbers], pa.float64())


def _plain_value(value: Any) -> Any:
    """A JSON value with its numbers as numbers."""
    if isinstance(value, _Number):
        if re.fullmatch(r"-?\d{1,19}", value) and int(value) in _INT64:
            return int(value)
        number = float(value)
        exact = not re.fullmatch(r"-?\d+", value) and math.isfinite(number)
        return number if exact else str(value)
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain_value(item) for key, item in value.items()}
    return value


def _common_type(name: str, one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type of a column that has these types in parts of a file; see `_json_column`."""
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
        return string_array([_as_written(value) for value in values])
    plain = [_plain_value(value) for value in values]
    if pa.types.is_float64(kind):
        plain = [None if value is None else float(value) for value in plain]
    return pa.array(plain, kind)


class JsonLinesFile(TextFile):
    """A file with one JSON object a line that is read in batches."""

    def _columns(self) -> list[str]:
        self._check_encoding()
        types: dict[str, pa.DataType] = {}
        self.rows, objects = 0, self._objects()
        while part := [row or {} for row, _ in islice(objects, self._rows_at_once)]:
            for name in dict.fromkeys(name for row in part for name in row):
                kind = _json_column(name, [row.get(name) for row in part]).type
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
            for number, line in enumerate(split_lines(self._text(file)), 1):
                try:
                    values = _json_line(number, line)
                except ValueError as error:
                    yield None, str(error).rstrip(".")
                    continue
                for value in values:
                    known = isinstance(value, dict)
                    yield (value, "") if known else (None, f"line {number} is no object")

    def batches(self, size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        """See `RowFile.batches`."""
        objects = islice(self._objects(), start, None)
        while part := [row or {} for row, _ in islice(objects, size)]:
            arrays = [
                _typed([row.get(column.name) for row in part], column.type)
                for column in self.schema
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
