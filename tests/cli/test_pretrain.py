# SPDX-License-Identifier: Apache-2.0
"""`dixtill-hf pretrain`: from a file of texts to a student that a task starts from."""

import pytest

from dixtill_hf.cli.main import main
from dixtill_hf.student.pretrained_start import load_student_start


@pytest.fixture
def given(tiny_teacher_dir, tmp_path, sentences):
    lines = [f"{sentences[i % 12]} {i % 40}" for i in range(120)]
    (tmp_path / "texts.txt").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    encoder = str(tiny_teacher_dir("bert"))
    return ["--texts", str(tmp_path / "texts.txt"), "--encoder", encoder, "--word_vectors", "none"]


def test_a_file_becomes_a_student(given, tmp_path, capsys):
    sizes = ["--hidden_size", "4", "--embedding_size", "3", "--vocab_size", "30", "--epochs", "1"]
    directory = tmp_path / "student"
    assert main(["pretrain", *given, *sizes, "--output_dir", str(directory)]) == 0
    assert "12 texts held out" in capsys.readouterr().out
    start = load_student_start(directory)
    assert len(start.words) == 28
    assert start.shape["hidden_size"] == 4
    assert (tmp_path / "student.vectors").is_dir()


def test_a_setting_out_of_its_range_is_refused(given, tmp_path, capsys):
    where = ["--output_dir", str(tmp_path / "student")]
    assert main(["pretrain", *given, *where, "--epochs", "0"]) != 0
    assert "epochs must be above 0" in capsys.readouterr().err
