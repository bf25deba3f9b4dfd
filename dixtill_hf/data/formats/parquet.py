# SPDX-License-Identifier: Apache-2.0
"""Parquet files; what pandas calls categories are strings, as in the other kinds of files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from dixtill_hf.data.formats.kinds import naming_file
from dixtill_hf.data.formats.row_file import RowFile, resized
from dixtill_hf.data.names import refuse_twice


def read_parquet(content: bytes) -> pa.Table:
    """The rows of a Parquet file.

    Raises:
        ValueError: It is damaged or empty, or has two columns of one name.
    """
    try:
        table = pq.ParquetFile(pa.BufferReader(content)).read()
        table.validate(full=True)  # strings may be no UTF-8
    except (pa.ArrowException, OSError) as error:
        raise ValueError(str(error)) from error
    refuse_twice(table.column_names, "it has the column")
    if not len(table):
        raise ValueError("it has no rows")
    columns = [_without_categories(column) for column in table.schema]
    return table.cast(pa.schema(columns, table.schema.metadata))


def _without_categories(column: pa.Field) -> pa.Field:
    kind = column.type
    return column.with_type(kind.value_type) if pa.types.is_dictionary(kind) else column


class ParquetFile(RowFile):
    """A Parquet file that is read in batches."""

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
            for batch in self._read(file, self._rows_at_once):  # all columns: any may be damaged
                self._note_missing(batch.column(place), row)
                row += len(batch)

    def batches(self, size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        """See `RowFile.batches`."""
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
            yield from resized(self._read(file, size, groups), start - skipped, size)

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
