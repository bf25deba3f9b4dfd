# SPDX-License-Identifier: Apache-2.0
"""A student is taken apart without loss, and what a device cannot carry is refused by name."""

import copy

import numpy as np
import pytest
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import ByteLevel, WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from dixtill_hf.export.float_student import float_student
from dixtill_hf.student.tokenization import train_word_tokenizer

from .conftest import random_student


def test_rows_follow_their_words(device_model):
    model, tokenizer = device_model
    student = float_student(model, tokenizer)
    vectors = model.embedding.weight.detach().numpy()
    vocabulary = tokenizer.get_vocab()
    for row, word in enumerate(student.words, start=1):
        np.testing.assert_array_equal(student.vectors[row], vectors[vocabulary[word]])
    np.testing.assert_array_equal(student.vectors[0], vectors[tokenizer.unk_token_id])
    assert not student.literals
    assert len(student.vectors) == 1 + len(student.words)


@pytest.fixture
def with_literals(device_model):
    """A student whose special tokens are read as such where a text has them."""
    model, tokenizer = device_model
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.split_special_tokens = False
    return model, tokenizer


def test_special_tokens_that_texts_may_hold_have_rows_of_their_own(with_literals):
    model, tokenizer = with_literals
    student = float_student(model, tokenizer)
    padding = model.embedding.weight.detach().numpy()[tokenizer.pad_token_id]
    np.testing.assert_array_equal(student.vectors[student.literals["[PAD]"]], padding)
    assert student.literals["[UNK]"] == 0


def test_fewer_words_are_the_most_frequent(with_literals):
    student = float_student(*with_literals)
    fewer = student.with_words(7)
    assert fewer.words == student.words[:7]
    np.testing.assert_array_equal(fewer.vectors[:8], student.vectors[:8])
    padding = fewer.literals["[PAD]"]
    assert padding == len(fewer.vectors) - 1
    assert not fewer.vectors[padding].any()


def test_words_that_are_too_long_are_unknown(sentences):
    long = "ü" * 128
    student = float_student(*random_student([*sentences, long]))
    assert long not in student.words
    assert "ü" * 127 not in student.words


def test_two_layers_are_refused(sentences):
    with pytest.raises(ValueError, match="one layer, this one has 2"):
        float_student(*random_student(sentences, num_layers=2))
    with pytest.raises(ValueError, match="has the cell lstm, this one has gru"):
        float_student(*random_student(sentences, cell="gru"))


def test_sizes_beyond_the_container_are_refused(sentences):
    with pytest.raises(ValueError, match="hidden_size of at most 255, this one has 256"):
        float_student(*random_student(sentences, hidden_size=256))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: setattr(t, "normalizer", Lowercase()), "cleans texts"),
        (lambda t: setattr(t, "pre_tokenizer", ByteLevel()), "splits words"),
        (
            lambda t: setattr(
                t,
                "post_processor",
                TemplateProcessing("[UNK] $A", special_tokens=[("[UNK]", 1)]),
            ),
            "adds tokens",
        ),
        (lambda t: t.add_tokens(["new york"]), "3 added tokens"),
    ],
)
def test_other_tokenizers_are_refused(device_model, change, message):
    model, tokenizer = device_model
    other = copy.deepcopy(tokenizer)
    change(other.backend_tokenizer)
    with pytest.raises(ValueError, match=message):
        float_student(model, other)


def test_a_tokenizer_that_only_splits_at_spaces_is_carried(device_model, sentences):
    model, _ = device_model
    tokenizer = train_word_tokenizer(sentences, pre_tokenizer=WhitespaceSplit())
    model = random_student(sentences)[0]
    model.resize_token_embeddings(len(tokenizer))
    assert not float_student(model, tokenizer).splits_words
