# SPDX-License-Identifier: Apache-2.0
"""What is written in parts is one file that reads back as it was."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dixtill_hf.data.files import read_file
from dixtill_hf.scoring.writers import kind_of_output, open_writer, write_together

ROWS = [
    {"text": 'he said "no", twice', "n": 1, "p": 0.1, "s": {"a": 0.3, "b": None}},
    {"text": "a\ttab and a\nbreak", "n": None, "p": None, "s": None},
    {"text": None, "n": 3, "p": 0.7, "s": {"a": 1.0, "b": 2.0}},
]
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("n", pa.int64()),
        ("p", pa.float32()),
        ("s", pa.struct([("a", pa.float32()), ("b", pa.float32())])),
    ]
)


@pytest.mark.parametrize("kind", [".parquet", ".csv", ".tsv", ".jsonl"])
def test_parts_are_put_together(kind, tmp_path):
    parts = []
    for rows in (ROWS[:2], ROWS[2:], []):
        file = io.BytesIO()
        writer = open_writer(kind, file, SCHEMA)
        if rows:
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
        writer.close()
        parts.append(file.getvalue())
    path = tmp_path / f"out{kind}"
    with path.open("wb") as file:
        write_together(kind, SCHEMA, [lambda part=part: io.BytesIO(part) for part in parts], file)
    if kind == ".parquet":
        assert pq.read_schema(path).equals(SCHEMA)
        assert pq.read_table(path).equals(pa.Table.from_pylist(ROWS, schema=SCHEMA))
        return
    found = read_file(path).to_list()
    assert [row["text"] for row in found] == [row["text"] for row in ROWS]
    if kind == ".jsonl":
        assert found == ROWS
    else:
        assert [row["p"] for row in found] == ["0.1", None, "0.7"]
        assert [row["s"] and json.loads(row["s"]) for row in found] == [row["s"] for row in ROWS]


def test_other_kinds_are_refused():
    with pytest.raises(ValueError, match=r"out\.json is not one of the kinds that are written"):
        kind_of_output("out.json")
