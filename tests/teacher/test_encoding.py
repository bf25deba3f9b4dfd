# SPDX-License-Identifier: Apache-2.0
"""Texts as teachers read them: spans point at the raw characters, budgets hold."""

import shutil

import pytest

from dixtill_hf.teacher.encoding import batches_by_tokens, collate, encode_texts
from dixtill_hf.teacher.loading import load_teacher


def test_spans_cover_every_letter_of_the_text(each_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(each_teacher_dir, teacher_labels)
    for text, encoded in zip(sentences, encode_texts(teacher, sentences), strict=True):
        covered = {i for start, end in encoded.spans for i in range(start, end)}
        assert {i for i, letter in enumerate(text) if not letter.isspace()} <= covered
        assert len(encoded.spans) == sum(encoded.ordinary)


def test_long_texts_are_cut_and_flagged(tiny_teacher_dir, teacher_labels):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    short, long = encode_texts(teacher, ["Acme fell.", "Acme fell. " * 100])
    assert (short.truncated, long.truncated) == (False, True)
    assert len(long) == teacher.max_length


def test_an_empty_text_has_no_spans(tiny_teacher_dir, teacher_labels):
    teacher = load_teacher(tiny_teacher_dir("bert"), teacher_labels)
    (encoded,) = encode_texts(teacher, [""])
    assert encoded.spans == []
    assert len(encoded) == 2  # [CLS] [SEP]


@pytest.mark.parametrize("tokens", [1, 7, 40, 1000])
def test_batches_keep_to_the_budget_and_hold_every_text_once(tokens):
    lengths = [5, 1, 9, 3, 3, 12, 7, 1]
    batches = list(batches_by_tokens(lengths, tokens))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= tokens


def test_what_the_model_does_not_take_is_left_out(tiny_teacher_dir, teacher_labels, tmp_path):
    """A DistilBERT beside the tokenizer of a BERT, which gives token types."""
    for architecture in ("bert", "distilbert"):  # the second one's model wins
        shutil.copytree(
            tiny_teacher_dir(architecture),
            tmp_path,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("tokenizer*" if architecture == "distilbert" else ""),
        )
    teacher = load_teacher(tmp_path, teacher_labels)
    assert "token_type_ids" in teacher.tokenizer.model_input_names
    batch = collate(teacher, encode_texts(teacher, ["Acme fell.", "Up"]))
    assert set(batch.inputs) == {"input_ids", "attention_mask"}
    assert teacher.logits(batch.inputs).shape == (2, 3)


def test_padding_is_masked_even_if_the_tokenizer_forgets_the_mask(tiny_teacher_dir, sentences):
    teacher = load_teacher(tiny_teacher_dir("bert"))
    expected = encode_texts(teacher, sentences)
    teacher.tokenizer.model_input_names = ["input_ids", "token_type_ids"]
    assert encode_texts(teacher, sentences) == expected
