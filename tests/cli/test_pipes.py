# SPDX-License-Identifier: Apache-2.0
"""The command line between other programs: what comes in by a pipe, and who reads what it says."""

import io
import os
import sys

import pytest

from dixtill_hf.cli.main import main
from dixtill_hf.distillation.building import build_student


@pytest.fixture(scope="module")
def student_dir(sentences, tmp_path_factory):
    directory = tmp_path_factory.mktemp("student")
    model, tokenizer = build_student(sentences, ["down", "up"], min_frequency=1)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return str(directory)


def piped_in(monkeypatch, content: bytes) -> None:
    # ASCII is what Python takes where no locale is set.
    stdin = io.TextIOWrapper(io.BytesIO(content), encoding="ascii", errors="surrogateescape")
    monkeypatch.setattr(sys, "stdin", stdin)


def test_lines_of_standard_input_are_texts_in_utf_8(student_dir, monkeypatch, capsys):
    given = "\ufeffZürich opens\r\n\nAcme\u2028falls\n".encode()
    piped_in(monkeypatch, given)
    assert main(["explain", "-", "--student", student_dir]) == 0
    words = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert [word for word in words if not word.endswith("%")] == [
        "Zürich",
        "opens",
        "Acme",
        "falls",
    ]
    assert len([word for word in words if word.endswith("%")]) == 2


def test_standard_input_in_another_encoding_is_named(monkeypatch, capsys):
    piped_in(monkeypatch, "Acme\nCafé\n".encode("latin-1"))
    assert main(["explain", "-"]) == 2
    message = capsys.readouterr().err
    assert "Line 2 of standard input is not in UTF-8 (byte 0xe9)" in message
    assert "iconv -f latin1 -t utf-8" in message


def test_a_text_in_another_encoding_is_named(capsys):
    assert main(["explain", os.fsdecode(b"Caf\xe9")]) == 2
    assert r"'Caf\udce9' is not in the encoding of the terminal" in capsys.readouterr().err


def test_a_reader_that_has_gone_ends_the_command_quietly(monkeypatch, capsys):
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main(["--help"]) == 141
    assert capsys.readouterr().err == ""


def test_an_ascii_terminal_shows_other_characters_by_their_numbers(student_dir, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert main(["explain", "Zürich", "--student", student_dir]) == 0
    assert rb"Z\xfcrich" in written.getvalue()
