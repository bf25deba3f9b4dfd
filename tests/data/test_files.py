# SPDX-License-Identifier: Apache-2.0
"""A file gives the rows that it holds, or says why it cannot be read; nothing is guessed."""

import csv
import io
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dixtill_hf.data.files import read_file
from dixtill_hf.data.sources import read_source


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows_of(tmp_path: Path, name: str, content: str | bytes) -> list[dict]:
    return read_file(write(tmp_path / name, content)).to_list()


def column(tmp_path: Path, name: str, content: str | bytes, wanted: str = "label") -> list:
    return read_file(write(tmp_path / name, content))[wanted][:]


@pytest.mark.parametrize("folder", ["data[2]", "data?", "*", "{a,b}", "a::b", "k=v", "%41", "ä #"])
@pytest.mark.parametrize("name", ["train.csv", "a::b.csv", "t[ab].csv", "t*.csv"])
def test_a_path_is_a_path_and_never_a_pattern(folder, name, tmp_path):
    write(tmp_path / "data2" / name, "text,label\nanother file,0\n")
    path = write(tmp_path / folder / name, "text,label\nthis file,1\n")
    assert read_source(str(path))["train"].to_list() == [{"text": "this file", "label": "1"}]
    assert read_source({"train": path})["train"]["text"][:] == ["this file"]
    if name == "train.csv":
        assert read_source(tmp_path / folder)["train"]["text"][:] == ["this file"]


def test_parquet_below_a_folder_that_looks_like_a_partition_has_its_own_columns(tmp_path):
    path = tmp_path / "label=7" / "train.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"text": ["a"]}), path)
    assert read_file(path).to_list() == [{"text": "a"}]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_replaced_file_of_the_same_size_and_time_is_read_anew(suffix, tmp_path):
    contents = {
        ".csv": "text,label\n{},0\n",
        ".tsv": "text\tlabel\n{}\t0\n",
        ".jsonl": '{{"text": "{}"}}',
    }
    path = write(tmp_path / f"a{suffix}", contents[suffix].format("old"))
    times = path.stat()
    old = read_file(path)
    write(path, contents[suffix].format("new"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    new = read_file(path)
    assert (old["text"][0], new["text"][0]) == ("old", "new")
    assert old._fingerprint != new._fingerprint


def test_the_same_content_has_the_same_fingerprint_wherever_it_lies(tmp_path):
    content = "text,label\na,0\n"
    first, second = (read_file(write(tmp_path / name / "a.csv", content)) for name in "xy")
    assert first._fingerprint == second._fingerprint
    assert (
        first._fingerprint
        != read_file(write(tmp_path / "a.tsv", "text\tlabel\na\t0\n"))._fingerprint
    )


@pytest.mark.parametrize(
    "cells",
    [
        [*["1", "2"] * 5000, "A7"],
        [*[""] * 20_000, "word"],
        [*["true", "false"] * 5000, "unsure"],
        [*["2020-01-01"] * 5000, "soon"],
        [*["1.5"] * 5000, "1,5"],
        ["01", "02"],
        ["True", "False"],
        ["NA", "null", "None", "nan", "-", "#N/A"],
        ["1e3", "0x10", "1_000", "+1", "-0"],
    ],
    ids=lambda cells: cells[-1],
)
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_cells_are_strings_as_written_whatever_the_rows_before(cells, suffix, tmp_path):
    separator = {".csv": ",", ".tsv": "\t"}[suffix]
    kept = io.StringIO()
    csv.writer(kept, delimiter=separator).writerows(
        [["text", "label"], *([f"text {row}", cell] for row, cell in enumerate(cells))]
    )
    read = column(tmp_path, f"a{suffix}", kept.getvalue())
    assert read == [cell or None for cell in cells]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", '"A7"'], ["1", "A7"]),
        (["1.50", "2", '"x"'], ["1.50", "2", "x"]),
        (["true", '"unsure"'], ["true", "unsure"]),
        (["true", "false"], [True, False]),
        (["true", "1"], ["true", "1"]),
        (["1", "2"], [1, 2]),
        (["1", "2.5"], [1.0, 2.5]),
        (["1", "null"], [1, None]),
        (["NaN", "2"], [None, 2]),
        (['"01"', '"02"'], ["01", "02"]),
        (["12345678901234567890", "1"], ["12345678901234567890", "1"]),
        ([f"{10**400}", "1"], [f"{10**400}", "1"]),
        (["[[0, 3]]", "null", "[]"], [[[0, 3]], None, []]),
        (["[0, 0.5]", "[1]"], [[0.0, 0.5], [1.0]]),
    ],
)
@pytest.mark.parametrize("repeated", [1, 3000])
def test_a_json_column_has_the_type_of_all_its_values(values, expected, repeated, tmp_path):
    values, expected = values[:1] * repeated + values[1:], expected[:1] * repeated + expected[1:]
    lines = [f'{{"text": "a", "label": {value}}}' for value in values]
    assert column(tmp_path, "a.jsonl", "\n".join(lines)) == expected
    assert column(tmp_path, "b.json", f"[{', '.join(lines)}]") == expected


def test_json_objects_may_lack_keys(tmp_path):
    content = '{"text": "a"}\n\n{"text": "b", "label": "x"}\r\n'
    assert column(tmp_path, "a.jsonl", content) == [None, "x"]


def test_json_strings_may_hold_any_separator_of_lines(tmp_path):
    text = "a\u2028b\u0085c\x0bd\\n"
    content = json.dumps({"text": text}, ensure_ascii=False)
    assert rows_of(tmp_path, "a.jsonl", f"{content}\n{content}\n") == [{"text": text}] * 2


LONE_QUOTES = [
    (f'"{row}' if row in (7, 30) else f'text {row} "so"', str(row % 2)) for row in range(40)
]


def test_quotation_marks_of_plain_tabbed_text_are_characters(tmp_path):
    lines = ["text\tlabel", *("\t".join(row) for row in LONE_QUOTES)]
    read = rows_of(tmp_path, "a.tsv", "\n".join(lines))
    assert [tuple(row.values()) for row in read] == LONE_QUOTES


def test_a_few_texts_wholly_in_quotation_marks_keep_them_in_plain_tabbed_text(tmp_path):
    content = 'text\tlabel\n"Great!"\t1\nbad\t0\n"Fine"\t1\n'
    assert column(tmp_path, "a.tsv", content, "text") == ['"Great!"', "bad", '"Fine"']


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_tabbed_text_of_a_quoting_writer_is_unquoted(quoting, tmp_path):
    texts = ['"', 'He said "no"', "tab\there", "two\nlines", "plain", 'He said "no", twice']
    kept = io.StringIO()
    writer = csv.writer(kept, delimiter="\t", quoting=quoting)
    writer.writerows([["text", "label"], *([text, row] for row, text in enumerate(texts))])
    assert column(tmp_path, "a.tsv", kept.getvalue(), "text") == texts


def test_tabbed_text_of_excel_is_unquoted_where_it_holds_commas(tmp_path):
    content = 'text\tlabel\r\n"Profit up, costs down"\t1\r\nplain\t0\r\n"a ""b"""\t0\r\n'
    assert column(tmp_path, "a.tsv", content, "text") == ["Profit up, costs down", "plain", 'a "b"']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('text\tlabel\n"Great"\t1\n"Bad"\t0\n', "some of its cells are in quotation marks"),
        ('text\tlabel\n"a ""b"""\t1\n"c\t0\n', "some of its cells are in quotation marks"),
        ('label\ttext\n1\t"a ""b"""\n0\t"c ""d\n', "some of its cells are in quotation marks"),
        ('text\tlabel\n"abc\t1\n"\t0\n', "two ways, as 1 rows or as 2"),
        ('"text"\t"label"\n"a \\"b\\""\t"1"\n', "not quoted as CSV is"),
    ],
)
def test_quotation_marks_that_can_be_read_in_two_ways_are_refused(content, message, tmp_path):
    with pytest.raises(ValueError, match=rf"a\.tsv cannot be read as tsv: .*{message}"):
        rows_of(tmp_path, "a.tsv", content)


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("latin-1", r"byte 0xe4 in line 2 is not UTF-8\. .*iconv -f WINDOWS-1252 -t UTF-8"),
        ("utf-16", r"UTF-16, not UTF-8: convert it with iconv -f UTF-16 "),
        ("utf-16-le", r"NUL character in line 1.*iconv -f UTF-16LE"),
        ("utf-32", "UTF-16|NUL character"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl"])
def test_another_encoding_is_named_with_what_to_do(encoding, message, suffix, tmp_path):
    content = {".csv": "text,label\nErträge,1\n", ".tsv": "text\tlabel\nErträge\t1\n"}
    rows = content.get(suffix, '{"text":\n"Erträge", "label": 1}').encode(encoding)
    with pytest.raises(ValueError, match=rf"a\{suffix} cannot be read as \w+: .*{message}"):
        rows_of(tmp_path, f"a{suffix}", rows)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(suffix, tmp_path):
    content = {".csv": "text,label\na,1\n", ".tsv": "text\tlabel\na\t1\n"}
    rows = content.get(suffix, '{"text": "a", "label": "1"}')
    assert rows_of(tmp_path, f"a{suffix}", rows.encode("utf-8-sig")) == [
        {"text": "a", "label": "1"}
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(end, tmp_path):
    content = end.join(["text,label", "a,1", '"b, c",0', ""])
    assert column(tmp_path, "a.csv", content, "text") == ["a", "b, c"]


def test_half_a_line_end_is_no_part_of_a_text(tmp_path):
    content = "label\ttext\r\n1\ta\r\n0\tb\r"
    assert column(tmp_path, "a.tsv", content, "text") == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text,label\na,1\nb,2,3\n", "line 3 has 3 cells, the first line has 2"),
        ("a.csv", "text,label\nonly a text\n", "line 2 has 1 cells"),
        ("a.csv", "text,label\n,\nb\n", "line 3 has 1 cells"),
        ("a.csv", "text;label\nup, not down;1\n", "separated by ';'.*with commas, or as .tsv"),
        ("a.csv", "text\tlabel\nup\t1\n", r"separated by '\\t'"),
        ("a.tsv", "text,label\nup,1\n", "separated by ','"),
        ("a.csv", "text , label\na , 1\n", r"spaces around them: 'text ', ' label'\. Remove"),
        ("a.csv", "text,text\na,b\n", "names the column 'text' more than once"),
        ("a.csv", "text,label\n", "no rows"),
        ("a.csv", "", "first line, which must name the columns, is empty"),
        ("a.csv", "\n\na,b\n", "first line, which must name the columns, is empty"),
        ("a.csv", 'text,label\n"open,1\nb,2\n', "begins in line 2 is not quoted as CSV is"),
        ("a.csv", 'text,label\n"He said \\"no\\" twice",1\n', "line 2 is not quoted.*doubled"),
        ("a.tsv", "text\tlabel\na\tb\tc\n", "line 2 has 3 cells.*no tabs or line breaks"),
        ("a.json", "", "it is empty"),
        ("a.json", "[]", "no list of objects, or an empty one"),
        ("a.json", '["a", "b"]', r"row 0 \(counted from 0\) is no object"),
        ("a.json", '{"text": {"0": "a"}, "label": {"0": 1}}', "one object of columns"),
        ("a.json", '{"train": [{"text": "a"}]}', "one object of columns or splits"),
        ("a.json", '[{"text": "a"}, {"text"', "line 1 is no JSON"),
        ("a.jsonl", '{"text": "a"}\n{"text"', "line 2 is no JSON"),
        ("a.jsonl", '{"text": "a", "text": "b"}', "key 'text' more than once"),
        ("a.jsonl", '{"text": "a", "n": [{"k": 1, "k": 2}]}', "key 'k' more than once"),
        ("a.jsonl", '{"text": "\\ud800"}', r"row 0 .* half of a surrogate pair"),
        ("a.jsonl", '{"text": "a", "n": [1]}\n{"text": "a", "n": 1}', "'n' mixes values"),
        ("a.jsonl", '{"n": Infinity}', "Infinity is no JSON"),
        ("a.jsonl", "[" * 100_000, "."),
        ("a.parquet", "not Parquet", "."),
    ],
)
def test_what_cannot_be_read_says_where_and_why(name, content, message, tmp_path):
    with pytest.raises(ValueError, match=rf"{name} cannot be read as \w+: .*{message}") as error:
        rows_of(tmp_path, name, content)
    assert str(error.value).endswith(".")


def test_a_text_may_be_as_long_as_it_is(tmp_path):
    limit = csv.field_size_limit()
    text = "word " * 100_000
    assert column(tmp_path, "a.csv", f"text,label\n{text},1\n", "text") == [text]
    assert csv.field_size_limit() == limit


def test_blank_lines_are_no_rows_unless_a_row_is_one_cell(tmp_path):
    assert column(tmp_path, "a.csv", "text,label\n\na,1\n\n\nb,0\n\n", "text") == ["a", "b"]
    assert column(tmp_path, "a.tsv", "text\tlabel\n\na\t1\n\n", "text") == ["a"]
    assert column(tmp_path, "b.csv", "text\na\n\nb\n\n", "text") == ["a", None, "b"]


def test_a_column_without_a_name_is_called_by_its_number(tmp_path):
    """As pandas writes its index."""
    assert rows_of(tmp_path, "a.csv", ",text\n0,a\n") == [{"column 1": "0", "text": "a"}]


def test_categories_of_pandas_are_their_values(tmp_path):
    labels = pa.array(["up", "down", "up"]).dictionary_encode()
    pq.write_table(pa.table({"text": ["a", "b", "c"], "label": labels}), tmp_path / "a.parquet")
    assert read_file(tmp_path / "a.parquet")["label"][:] == ["up", "down", "up"]


@pytest.mark.parametrize("columns", [{"text": pa.array([], pa.string())}, {}])
def test_parquet_without_rows_is_refused(columns, tmp_path):
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read as parquet: it has no rows"):
        read_file(tmp_path / "a.parquet")


def test_parquet_with_a_column_twice_is_refused(tmp_path):
    pq.write_table(
        pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["text", "text"]),
        tmp_path / "a.parquet",
    )
    with pytest.raises(ValueError, match="column 'text' more than once"):
        read_file(tmp_path / "a.parquet")


def test_parquet_with_strings_that_are_no_utf8_is_refused(tmp_path):
    broken = pa.array([b"caf\xe9"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": broken}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read as parquet: .*UTF8"):
        read_file(tmp_path / "a.parquet")
