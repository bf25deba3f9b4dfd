# SPDX-License-Identifier: Apache-2.0
"""Files of rows that are larger than memory, read in batches by the rules of `data.formats`.

A file is gone through once before its first batch is given. So the types of its columns come from
all of its rows, and what is wrong in it is known before anything is computed. Memory does not grow
with a Parquet file, a CSV file, a tab-separated file without quotation marks around its cells, or
a file with one JSON object a line. A list of JSON objects, and a tab-separated file with quoted
cells, can only be understood as a whole and are held in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa

from dixtill_hf.artifacts.storage import split_address
from dixtill_hf.data.files import READERS
from dixtill_hf.data.formats.json_rows import JsonLinesFile
from dixtill_hf.data.formats.kinds import kind_of
from dixtill_hf.data.formats.parquet import ParquetFile
from dixtill_hf.data.formats.row_file import RowFile, resized
from dixtill_hf.data.formats.separated_text import CsvFile, PlainTsvFile


def open_row_file(address: str, text_column: str | None = None) -> RowFile:
    """Go through a file, so that its rows can be read in batches.

    Args:
        address: Path or URL of a `.csv`, `.tsv`, `.json`, `.jsonl` or `.parquet` file.
        text_column: The column of the text. Default: the one called text, sentence, tweet or
            content.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, can be read in several ways, or has no column of texts; says
            where and what to do.
    """
    return _class_of(address)(address, text_column)


def _class_of(address: str) -> type[RowFile]:
    folder, name = split_address(address)
    kind = kind_of(name)
    if kind == ".parquet":
        return ParquetFile
    if kind == ".csv":
        return CsvFile
    with folder.open(name) as file:
        if kind == ".tsv":
            quoted = any(cell.startswith(b'"') for line in file for cell in line.split(b"\t"))
            return _WholeFile if quoted else PlainTsvFile
        first = next((line for line in file if line.strip()), b"")
        following = any(line.strip() for line in file)
    return JsonLinesFile if following and _is_json_object(first) else _WholeFile


def _is_json_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line.removeprefix(b"\xef\xbb\xbf")), dict)
    except ValueError:
        return False


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
        yield from resized(iter(self._table.to_batches(max_chunksize=size)), start, size)
