# SPDX-License-Identifier: Apache-2.0
"""Write Arrow batches as Parquet, CSV, TSV or JSON lines, in parts that are then put together."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq


class Writer(Protocol):
    """A file that batches are written to."""

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch."""

    def close(self) -> None:
        """Finish the file; what it writes to stays open."""


class _TextWriter:
    """Rows in separated text: every string in quotation marks, nested values as JSON."""

    def __init__(self, file: BinaryIO, schema: pa.Schema, separator: str, header: bool) -> None:
        self._nested = [pa.types.is_nested(column.type) for column in schema]
        plain = [
            column.with_type(pa.string()) if nested else column
            for column, nested in zip(schema, self._nested, strict=True)
        ]
        self._schema = pa.schema(plain)
        options = pacsv.WriteOptions(include_header=header, delimiter=separator)
        self._writer = pacsv.CSVWriter(file, self._schema, write_options=options)

    def write_batch(self, batch: pa.RecordBatch) -> None:
        columns = [
            pa.array([_json(value) for value in _values(column)], pa.string()) if nested else column
            for column, nested in zip(batch.columns, self._nested, strict=True)
        ]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _JsonLinesWriter:
    """One object a line."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file, self._names = file, schema.names

    def write_batch(self, batch: pa.RecordBatch) -> None:
        columns = [_values(column) for column in batch.columns]
        lines = [
            _json(dict(zip(self._names, row, strict=True))) for row in zip(*columns, strict=True)
        ]
        self._file.write("".join(f"{line}\n" for line in lines).encode("utf-8"))

    def close(self) -> None:
        pass


def _json(value: Any) -> str | None:
    if value is None:
        return None
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def _values(column: pa.Array) -> list[Any]:
    """The values of a column, numbers of 32 bits with no more digits than they have."""
    return _short_floats(column).to_pylist()


def _short_floats(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_float32(kind):
        return column.cast(pa.string()).cast(pa.float64())  # the shortest text that means it
    if pa.types.is_struct(kind) and kind.num_fields:
        parts = [_short_floats(part) for part in column.flatten()]
        fields = [field.with_type(part.type) for field, part in zip(kind, parts, strict=True)]
        return pa.StructArray.from_arrays(parts, fields=fields, mask=column.is_null())
    if pa.types.is_list(kind):
        whole = pa.concat_arrays([column])  # without an offset
        return pa.ListArray.from_arrays(
            whole.offsets, _short_floats(whole.values), mask=whole.is_null()
        )
    return column


def _append_bytes(part: BinaryIO, whole: BinaryIO) -> None:
    shutil.copyfileobj(part, whole, 1 << 20)


def write_together(
    kind: str, schema: pa.Schema, parts: Iterable[Callable[[], BinaryIO]], file: BinaryIO
) -> None:
    """Write one file from its parts.

    Args:
        kind: `.parquet`, `.csv`, `.tsv` or `.jsonl`.
        schema: Names and types of the columns.
        parts: Functions that open the parts, in their order.
        file: What is written to.
    """
    if kind == ".parquet":
        with pq.ParquetWriter(file, schema) as writer:
            for open_part in parts:
                with open_part() as part:
                    writer.write_table(pq.read_table(part, use_threads=False))
        return
    if kind in _SEPARATORS:
        open_writer(kind, file, schema, header=True).close()
    for open_part in parts:
        with open_part() as part:
            _append_bytes(part, file)


_SEPARATORS = {".csv": ",", ".tsv": "\t"}
KINDS = (".parquet", ".csv", ".tsv", ".jsonl")


def kind_of_output(name: str) -> str:
    """The suffix of an output file, in lower case.

    Raises:
        ValueError: Files of this kind are not written.
    """
    kind = PurePath(name).suffix.lower()
    if kind not in KINDS:
        raise ValueError(f"{name} is not one of the kinds that are written: {', '.join(KINDS)}.")
    return kind


def open_writer(kind: str, file: BinaryIO, schema: pa.Schema, header: bool = False) -> Writer:
    """Begin a part of a file.

    Args:
        kind: One of `KINDS`.
        file: What is written to.
        schema: Names and types of the columns.
        header: Whether separated text begins with the names of the columns.
    """
    if kind == ".parquet":
        return pq.ParquetWriter(file, schema)
    if kind in _SEPARATORS:
        return _TextWriter(file, schema, _SEPARATORS[kind], header)
    return _JsonLinesWriter(file, schema)
