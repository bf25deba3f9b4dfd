# SPDX-License-Identifier: Apache-2.0
"""A saved student comes back; what is none is named."""

import pytest

from dixtill_hf.distillation.building import build_student
from dixtill_hf.student.loading import load_student


def test_a_saved_student_is_loaded_for_evaluation(tmp_path):
    student, words = build_student(["up up down down"], ["a", "b"])
    student.train().save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    model, tokenizer = load_student(tmp_path)
    assert not model.training
    assert model.config.id2label == {0: "a", 1: "b"}
    assert tokenizer.get_vocab() == words.get_vocab()


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match=r"There is no student in .*nothing.*dixtill-hf run"):
        load_student(tmp_path / "nothing")


def test_another_model_is_refused(tiny_teacher_dir):
    with pytest.raises(ValueError, match="holds a model of the type 'bert', not a student"):
        load_student(tiny_teacher_dir("bert"))
