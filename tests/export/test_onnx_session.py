# SPDX-License-Identifier: Apache-2.0
"""Texts become the same numbers as through the tokenizer in transformers."""

import numpy as np
import pytest

from dixtill_hf.export.onnx_session import TextEncoder
from dixtill_hf.teacher.loading import load_teacher


@pytest.fixture
def teacher(each_teacher_dir):
    return load_teacher(each_teacher_dir)


@pytest.fixture
def encode(teacher, tmp_path):
    teacher.tokenizer.save_pretrained(tmp_path)
    return TextEncoder(
        tmp_path / "tokenizer.json",
        teacher.tokenizer.model_input_names,
        teacher.tokenizer.pad_token_id,
        teacher.max_length,
    )


def assert_same(actual, expected):
    assert set(actual) == set(expected)
    for name in actual:
        np.testing.assert_array_equal(actual[name], expected[name])


@pytest.mark.parametrize("pad_to", [None, 40, 5])
def test_it_pads_and_cuts_as_transformers_does(teacher, encode, sentences, pad_to):
    texts = [*sentences, " ".join(sentences)]
    expected = teacher.tokenizer(
        texts,
        truncation=True,
        max_length=pad_to or teacher.max_length,
        padding="longest" if pad_to is None else "max_length",
        return_tensors="np",
    )
    assert_same(encode(texts, pad_to), expected)


def test_one_call_leaves_nothing_to_the_next(encode, sentences):
    before = encode(sentences)
    encode(sentences, pad_to=3)
    encode(sentences, pad_to=60)
    assert_same(encode(sentences), before)


def test_a_batch_is_at_least_one_token_wide(teacher, encode):
    inputs = encode(["", ""])
    special = teacher.tokenizer.num_special_tokens_to_add()
    assert inputs["input_ids"].shape == (2, max(1, special))
    assert inputs["attention_mask"].sum() == 2 * special


@pytest.mark.parametrize("pad_to", [0, 65])
def test_widths_that_the_model_does_not_read_are_refused(encode, pad_to):
    with pytest.raises(ValueError, match=f"at most 64 tokens, got {pad_to}"):
        encode(["text"], pad_to)


def test_inputs_that_no_tokenizer_gives_are_refused(tiny_teacher_dir):
    with pytest.raises(ValueError, match="reads pixel_values, which no tokenizer gives"):
        TextEncoder(tiny_teacher_dir("bert") / "tokenizer.json", ["input_ids", "pixel_values"], 0)
