# SPDX-License-Identifier: Apache-2.0
"""Whole files are scored, on from where a killed call stopped, and written whole or not at all."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dixtill_hf.data.files import read_file
from dixtill_hf.scoring import files
from dixtill_hf.scoring.files import predict_files


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of 8 rows."""
    monkeypatch.setattr(files, "_ROWS_AT_ONCE", 4)
    monkeypatch.setattr(files, "_BATCHES_A_PART", 2)
    monkeypatch.setattr(files, "ROWS_A_PART", 8)


@pytest.fixture
def parquet(texts, tmp_path):
    path = tmp_path / "texts.parquet"
    rows = {"id": list(range(len(texts))), "text": texts}
    pq.write_table(pa.table(rows), path, row_group_size=25)
    return path


def labels(path):
    return read_file(Path(path))["predicted_label"][:]


def score(student_dir, inputs, output, **settings):
    return predict_files(student_dir, inputs, output, engine="torch", **settings)


@pytest.mark.parametrize("kind", ["parquet", "csv", "tsv", "jsonl"])
def test_every_row_is_scored_in_its_place(kind, parquet, student_dir, student, texts, small_parts):
    output = parquet.with_name(f"out.{kind}")
    done = score(student_dir, parquet, output, words=2)
    assert (done.rows, done.invalid, done.engine) == (60, 0, "torch")
    assert labels(output) == [one.label for one in student.explain(texts)]
    assert [str(row["id"]) for row in read_file(output)] == [str(i) for i in range(60)]
    assert not output.with_name(f"{output.name}.parts").exists()


def test_a_killed_call_goes_on_where_it_was(parquet, student_dir, small_parts, monkeypatch):
    output, whole = parquet.with_name("out.parquet"), parquet.with_name("whole.parquet")
    score(student_dir, parquet, whole)
    scored = []
    original = files.with_columns

    def killed(batch, added):
        scored.append(len(batch))
        if len(scored) in (5, 12):
            raise KeyboardInterrupt
        return original(batch, added)

    monkeypatch.setattr(files, "with_columns", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            score(student_dir, parquet, output)
        assert not output.exists()
    score(student_dir, parquet, output)
    assert pq.read_table(output).equals(pq.read_table(whole))
    # Lost are the batch before each kill in the same part, and those at the kills themselves.
    assert sum(scored) <= 60 + 2 * 8


@pytest.mark.parametrize("moment", ["assembled", "noted", "ended"])
def test_a_call_killed_near_its_end_goes_on(moment, parquet, student_dir, small_parts, monkeypatch):
    def kill(*_):
        raise KeyboardInterrupt

    output = parquet.with_name("out.parquet")
    with monkeypatch.context() as patch:
        if moment == "assembled":
            patch.setattr(files.Parts, "finish", kill)
        elif moment == "noted":
            patch.setattr(files.Parts, "end", kill)
        else:
            patch.setattr(files, "FilePredictions", kill)
        with pytest.raises(KeyboardInterrupt):
            score(student_dir, parquet, output)
    expected = pq.read_table(output)
    if moment == "ended":
        with pytest.raises(FileExistsError, match="is there already"):
            score(student_dir, parquet, output)
    else:
        score(student_dir, parquet, output)
    assert pq.read_table(output).equals(expected)
    assert not parquet.with_name("out.parquet.parts").exists()


def test_parts_of_other_texts_or_settings_are_not_taken(
    parquet, student_dir, small_parts, monkeypatch, caplog
):
    output = parquet.with_name("out.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr(files.Parts, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            score(student_dir, parquet, output)
    output.unlink()
    pq.write_table(pa.table({"id": [1], "text": ["Globex falls"]}), parquet)
    score(student_dir, parquet, output)
    assert read_file(output)["text"][:] == ["Globex falls"]
    assert "holds parts that other files or settings have made" in caplog.text


def test_directories_and_patterns_of_files(student_dir, tmp_path, small_parts, student):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "b.csv").write_text("id,text\n1,Acme falls\n")
    (folder / "a.csv").write_text("id,text\n2,Globex rises\n3,Oil slips\n")
    (folder / "c.json").write_text('[{"text": "Hooli", "other": 1}]')
    (folder / "notes.md").write_text("no")
    done = score(student_dir, folder, tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out")) == ["a.csv", "b.csv", "c.jsonl"]
    assert len(done.outputs) == 3
    assert labels(tmp_path / "out" / "b.csv") == [student("Acme falls").label]
    score(student_dir, f"{folder}/*.csv", tmp_path / "one.jsonl")
    assert [row["id"] for row in read_file(tmp_path / "one.jsonl")] == ["2", "3", "1"]
    with pytest.raises(ValueError, match="have different columns"):
        score(student_dir, folder, tmp_path / "two.jsonl")


def test_bad_rows_are_refused_or_kept(student_dir, tmp_path, caplog):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "Acme falls"}\n{"text": null}\nno json\n{"text": "Oil slips"}\n')
    with pytest.raises(ValueError, match=r"2 rows without a usable text: row 1 .*row 2"):
        score(student_dir, path, tmp_path / "out.jsonl")
    assert os.listdir(tmp_path) == ["a.jsonl"]
    done = score(student_dir, path, tmp_path / "out.jsonl", on_error="keep")
    assert (done.rows, done.invalid) == (4, 2)
    assert [label is None for label in labels(tmp_path / "out.jsonl")] == [False, True, True, False]
    assert "They are kept without a prediction" in caplog.text


def test_what_cannot_be_done_is_said_before_anything_is_scored(student_dir, parquet, tmp_path):
    (tmp_path / "there.csv").write_text("mine")
    refused = [
        (parquet, "there.csv", {}, FileExistsError, "is there already"),
        (parquet, "out.xlsx", {}, ValueError, "not one of the kinds that are written"),
        (tmp_path / "none.csv", "out.csv", {}, FileNotFoundError, "There is no file"),
        (parquet, "out.csv", {"on_error": "skip"}, ValueError, "on_error must be one of"),
        (parquet, "out.csv", {"processes": 0}, ValueError, "processes must be at least 1"),
        (parquet, "out.csv", {"words": -1}, ValueError, "words must be 0 or more"),
        (parquet, "out.csv", {"text_column": "id"}, ValueError, "holds int64, not strings"),
        ([], "out.csv", {}, ValueError, "inputs is empty"),
    ]
    for inputs, output, settings, error, message in refused:
        with pytest.raises(error, match=message):
            score(student_dir, inputs, tmp_path / output, **settings)
    assert (tmp_path / "there.csv").read_text() == "mine"


_COMMAND = """
import sys
from dixtill_hf.cli.main import main
from dixtill_hf.scoring import files

files._ROWS_AT_ONCE, files._BATCHES_A_PART, files.ROWS_A_PART = 64, 4, 256
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_several_processes_give_the_same_file_though_killed(parquet, student_dir, tmp_path):
    texts = pq.read_table(parquet)["text"].to_pylist()[:-1]
    with open(tmp_path / "many.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows([number, texts[number % 59]] for number in range(6000))
    script = tmp_path / "command.py"
    script.write_text(_COMMAND)
    command = [sys.executable, str(script), "predict", student_dir, str(tmp_path / "many.csv")]
    command += [str(tmp_path / "out.jsonl"), "--processes", "2", "--engine", "torch"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    part = tmp_path / "out.jsonl.parts" / "00000" / "00000-0000001.jsonl"
    while not part.exists():
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.02)
    process.kill()
    process.wait()
    assert not (tmp_path / "out.jsonl").exists()
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
    score(student_dir, tmp_path / "many.csv", tmp_path / "alone.jsonl")
    assert labels(tmp_path / "out.jsonl") == labels(tmp_path / "alone.jsonl")
