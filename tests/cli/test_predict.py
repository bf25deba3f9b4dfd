# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf predict`."""

import io
import json
import subprocess
import sys

import pytest

from dixtill_hf.cli.main import main
from dixtill_hf.distillation.building import build_student
from dixtill_hf.student.student import Student


@pytest.fixture(scope="module")
def student_dir(sentences, tmp_path_factory):
    model, tokenizer = build_student(sentences, ["down", "up"], min_frequency=1)
    return str(Student(model.eval(), tokenizer).save(tmp_path_factory.mktemp("student")))


def predict(*arguments):
    return main(["predict", *map(str, arguments), "--engine", "torch"])


def test_a_file_is_scored(student_dir, tmp_path, capsys):
    (tmp_path / "a.csv").write_text("id,tweet\n7,Acme falls\n")
    arguments = [tmp_path / "a.csv", tmp_path / "out.jsonl", "--words", "1"]
    assert predict(student_dir, *arguments) == 0
    assert f"Written: {tmp_path / 'out.jsonl'} (1 rows)" in capsys.readouterr().out
    row = json.loads((tmp_path / "out.jsonl").read_text())
    assert row["id"] == "7"
    assert len(row["deciding_words"]) == 1


def test_standard_input_and_output(student_dir, tmp_path, monkeypatch, capfdbinary):
    lines = b'{"text": "Acme falls", "id": 1}\n{"text": "Oil slips", "id": 2}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out := io.BytesIO()))
    assert predict(student_dir, "-", "-") == 0
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [row["id"] for row in rows] == [1, 2]
    assert {row["predicted_label"] for row in rows} <= {"down", "up"}


def test_what_is_wrong_is_one_line(student_dir, tmp_path, capsys):
    assert predict(student_dir, tmp_path / "a.csv") == 2
    assert "Name what to read and what to write" in capsys.readouterr().err
    assert predict(student_dir, tmp_path / "a.csv", tmp_path / "b.csv") == 1
    assert "There is no file" in capsys.readouterr().err
    (tmp_path / "a.csv").write_text("text\n\n")
    assert predict(student_dir, "-", tmp_path / "a.csv", tmp_path / "b.csv") == 2
    assert "cannot be read together with files" in capsys.readouterr().err
    for output in ("-", tmp_path / "b.csv"):
        assert predict(student_dir, tmp_path / "a.csv", output, "--on_error", "skip") == 1
        assert "on_error must be one of refuse, keep, got 'skip'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(student_dir, tmp_path):
    (tmp_path / "a.csv").write_text("text\n" + "Acme falls\n" * 30_000)
    command = f"{sys.executable} -m dixtill_hf.cli.main predict {student_dir} {tmp_path}/a.csv - "
    finished = subprocess.run(
        ["bash", "-c", f"{command} --engine torch | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
    )
    assert finished.stdout.splitlines()[-1] == "0"
    assert "Traceback" not in finished.stderr
