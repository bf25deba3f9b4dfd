# SPDX-License-Identifier: Apache-2.0
"""The texts of a static quantisation, tokenized."""

import pytest

from dixtill_hf.baselines.quantization import calibration_dataset
from dixtill_hf.teacher.loading import load_teacher


@pytest.fixture
def teacher(tiny_teacher_dir):
    return load_teacher(tiny_teacher_dir("gpt2"))


def test_texts_are_cut_at_the_teachers_limit_and_not_padded(teacher, sentences):
    teacher.max_length = 4
    dataset = calibration_dataset(teacher, ["up", *sentences], ["attention_mask", "input_ids"])
    assert dataset.column_names == ["attention_mask", "input_ids"]
    assert [len(ids) for ids in dataset["input_ids"]] == [
        len(teacher.tokenizer("up")["input_ids"]),
        *[4] * len(sentences),
    ]


def test_texts_without_a_token_are_left_out(teacher):
    assert len(calibration_dataset(teacher, ["", "up", ""], ["input_ids"])) == 1
    with pytest.raises(ValueError, match="None of the 2 calibration texts has a token"):
        calibration_dataset(teacher, ["", ""], ["input_ids"])


def test_one_string_is_not_many_texts(teacher):
    with pytest.raises(TypeError, match="wrap it in a list"):
        calibration_dataset(teacher, "up", ["input_ids"])
