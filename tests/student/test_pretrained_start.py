# SPDX-License-Identifier: Apache-2.0
"""A student starts from the layers and the words of a pretrained one."""

import shutil

import pytest
import torch

from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.pretrained_start import identify_student_start, load_student_start


def test_words_and_vectors_are_those_of_the_start(student_start_dir):
    start = load_student_start(student_start_dir)
    assert start.words == ["shares", "rise", "and", "fall"]
    vectors = start.vectors_of(["fall", "oil", "[UNK]"])
    row = start.tokenizer.get_vocab()["fall"]
    assert vectors.matrix.tolist() == [start.model.embedding.weight[row].tolist()]
    assert set(vectors.rows) == {"fall"}


def test_layers_and_the_unknown_word_are_copied(student_start_dir):
    start = load_student_start(student_start_dir)
    student = DixtillForSequenceClassification(
        DixtillConfig(vocab_size=20, embedding_size=3, **start.shape)
    )
    assert not student.is_pretrained
    start.copy_layers(student)
    assert student.is_pretrained
    assert torch.equal(student.embedding.weight[1], start.model.embedding.weight[1])
    for name, value in start.model.encoder.state_dict().items():
        assert torch.equal(student.encoder.state_dict()[name], value)
    for name, value in start.model.attention.state_dict().items():
        assert torch.equal(student.attention.state_dict()[name], value)


def test_a_finished_student_is_a_start_too(student_start_dir, tmp_path):
    start = load_student_start(student_start_dir)
    config = DixtillConfig(vocab_size=6, embedding_size=3, **start.shape)
    student = DixtillForSequenceClassification(config)
    student.save_pretrained(tmp_path / "student")
    start.tokenizer.save_pretrained(tmp_path / "student")
    again = load_student_start(tmp_path / "student")
    assert torch.equal(again.model.embedding.weight, student.embedding.weight)


def test_another_model_is_refused(tiny_teacher_dir):
    with pytest.raises(ValueError, match="student_start"):
        load_student_start(tiny_teacher_dir("bert"))


def test_a_directory_is_known_by_what_it_holds(student_start_dir, tmp_path):
    copied = shutil.copytree(student_start_dir, tmp_path / "copy")
    assert identify_student_start(str(copied)) == identify_student_start(str(student_start_dir))
    assert identify_student_start("org/student") == "org/student"
    assert identify_student_start(None) is None
