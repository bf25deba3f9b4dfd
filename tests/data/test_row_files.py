# SPDX-License-Identifier: Apache-2.0
"""Files that are read in batches have the rows that they have as a whole."""

import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.fuzz_writers import data_case
from dixtill_hf.data.files import read_file
from dixtill_hf.data.formats.row_file import RowFile
from dixtill_hf.data.row_files import open_row_file


def table_of(file, size=3):
    batches = list(file.batches(size))
    assert all(len(batch) == size for batch in batches[:-1])
    return pa.Table.from_batches(batches, file.schema)


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_odd_and_damaged_files_are_read_as_a_whole_file_is_or_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(RowFile, "_rows_at_once", 5)
    draw = random.Random(0)
    for _ in range(150):
        path = data_case(draw, tmp_path).path
        try:
            whole = read_file(path)
        except ValueError:
            whole = None
        try:
            file = open_row_file(str(path), "text")
        except ValueError:
            assert whole is None
            continue
        if whole is None:
            assert file.invalid.count
        else:
            assert table_of(file).to_pylist() == whole.to_list()
            assert file.schema.types == whole.data.table.schema.types
            assert file.invalid.count == whole["text"][:].count(None)


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("start", [0, 1, 9, 10, 11, 25])
def test_batches_begin_at_any_row_across_row_groups(size, start, tmp_path):
    path = tmp_path / "a.parquet"
    rows = [{"id": number, "text": f"t{number}"} for number in range(25)]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=10)
    found = [
        row for batch in open_row_file(str(path)).batches(size, start) for row in batch.to_pylist()
    ]
    assert found == rows[start:]


def test_the_types_of_json_lines_come_from_all_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(RowFile, "_rows_at_once", 2)
    values = [1, 2, 2.5, None], [1, 2, "A7", True], [None, None, None, [1, "b"]]
    rows = [
        {"text": "t", "number": number, "code": code, "list": parts}
        for number, code, parts in zip(*values, strict=True)
    ]
    rows[3]["list"] = [1, 2]
    path = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows)))
    table = table_of(open_row_file(path), 2)
    assert table["number"].to_pylist() == [1.0, 2.0, 2.5, None]
    assert table["code"].to_pylist() == ["1", "2", "A7", "true"]
    assert table["list"].to_pylist() == [None, None, None, [1, 2]]


def test_invalid_rows_are_named_by_number_and_kept_in_their_place(tmp_path):
    lines = ['{"text": "a", "id": 1}', "{broken", '{"id": 3}', "5", '{"text": "e", "id": 5}']
    file = open_row_file(written(tmp_path, "a.jsonl", "\n".join(lines)))
    assert (file.rows, file.invalid.count) == (5, 3)
    assert list(file.invalid.first) == [1, 2, 3]
    assert "row 1 (counted from 0): line 2 is no JSON" in str(file.invalid)
    assert table_of(file).to_pylist() == [
        {"text": "a", "id": 1},
        {"text": None, "id": None},
        {"text": None, "id": 3},
        {"text": None, "id": None},
        {"text": "e", "id": 5},
    ]
    file = open_row_file(written(tmp_path, "a.csv", "id,text\n1,a\n2,b,c\n3,\n4,d\n"))
    assert file.invalid.first.keys() == {1, 2}
    assert "line 3 has 3 cells, the first line has 2" in file.invalid.first[1]
    assert [row["text"] for row in table_of(file).to_pylist()] == ["a", None, None, "d"]


def test_only_the_first_invalid_rows_are_kept_in_memory(tmp_path):
    file = open_row_file(written(tmp_path, "a.csv", "text,id\n" + ",1\n" * 5000))
    assert file.invalid.count == 5000
    assert str(file.invalid).endswith("and 4990 more")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text\ncaf\xe9\n".encode("latin-1"), "byte 0xe9 in line 2 is not UTF-8"),
        ("a.jsonl", '{"text": "a"}\n{"text": "b"}\n'.encode("utf-16"), "UTF-16"),
        ("a.csv", 'text\n"never closed\n', "not quoted as CSV"),
        ("a.csv", "title,body\na,b\n", "No text column"),
        ("a.jsonl", '{"text": 1}\n{"text": 2}\n', "holds int64, not strings"),
        ("a.txt", "text", "not one of the kinds"),
        ("a.parquet", b"PAR1 no", "cannot be read as parquet"),
    ],
)
def test_what_cannot_be_read_is_refused(name, content, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        open_row_file(written(tmp_path, name, content))
