# SPDX-License-Identifier: Apache-2.0
"""Word vectors made of a teacher's embedding: what they keep of it, and what is refused."""

import numpy as np
import pytest

from dixtill_hf import build_student, load_teacher, load_word_vectors, save_teacher_vectors
from dixtill_hf.data.words import words_of
from dixtill_hf.distillation import teacher_vectors as module


@pytest.fixture
def teacher(tiny_teacher_dir):
    return load_teacher(tiny_teacher_dir("bert"))


def test_all_components_keep_the_angles_of_the_embedding(teacher, sentences, tmp_path):
    size = teacher.model.get_input_embeddings().weight.shape[1]
    path = save_teacher_vectors(teacher, sentences, tmp_path / "v.safetensors", size)
    words = sorted({word for text in sentences for word in words_of(text)})
    vectors = load_word_vectors(path, words)
    assert vectors.coverage == 1
    table = teacher.model.get_input_embeddings().weight.detach().numpy()
    means = np.stack(
        [
            table[teacher.tokenizer(word, add_special_tokens=False)["input_ids"]].mean(0)
            for word in words
        ]
    )
    means -= means.mean(0)
    found = vectors.matrix[[vectors.rows[word] for word in words]]
    ratio = 0.5 / means.std()
    np.testing.assert_allclose(found @ found.T, means @ means.T * ratio**2, atol=1e-3)


@pytest.mark.parametrize("architecture", ["roberta", "gpt2", "distilbert", "mpnet"])
def test_words_are_read_as_they_stand_in_a_text(tiny_teacher_dir, architecture):
    teacher = load_teacher(tiny_teacher_dir(architecture))
    in_text = teacher.tokenizer("stock falls", add_special_tokens=False)["input_ids"]
    first = teacher.tokenizer("stock", add_special_tokens=False)["input_ids"]
    table = teacher.model.get_input_embeddings().weight.detach()
    expected = table[in_text[len(first) :]].mean(0)
    found = module._embedded(teacher, ["falls"])[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_components_come_in_the_order_of_their_size(teacher, sentences, tmp_path):
    path = save_teacher_vectors(teacher, sentences, tmp_path / "new" / "v.safetensors", 5)
    matrix = load_word_vectors(path, [w for text in sentences for w in words_of(text)]).matrix
    assert matrix.dtype == np.float32
    assert matrix.std() == pytest.approx(0.5, rel=1e-3)
    spreads = matrix.std(0)
    assert (np.diff(spreads) <= 1e-6).all()
    assert np.abs(np.corrcoef(matrix.T) - np.eye(5)).max() < 1e-3


def test_a_student_starts_from_them(teacher, sentences, tmp_path):
    path = save_teacher_vectors(teacher, sentences, tmp_path / "v.safetensors", 6)
    model, tokenizer = build_student(sentences, ["a", "b"], word_vectors=path, min_frequency=1)
    vectors = load_word_vectors(path, ["acme"])
    row = model.embedding.weight[tokenizer.convert_tokens_to_ids("acme")]
    np.testing.assert_allclose(row.detach(), vectors.matrix[0])


def test_words_stand_by_their_frequency(teacher, tmp_path):
    texts = ["acme acme acme falls falls stock", "gold"]
    path = save_teacher_vectors(teacher, texts, tmp_path / "v.safetensors", 2)
    _, tokenizer = build_student(
        ["gold"], ["a", "b"], word_vectors=path, min_frequency=1, extra_vocab_size=2
    )
    assert {"acme", "falls"} <= set(tokenizer.get_vocab())
    assert "stock" not in tokenizer.get_vocab()


@pytest.mark.parametrize(
    ("texts", "size", "path", "message"),
    [
        (["acme falls"], 3, "v.safetensors", "3 dimensions cannot be made of 2 words"),
        (["acme falls"], 0, "v.safetensors", "size must be between 1"),
        ([""], 1, "v.safetensors", "made of 0 words"),
        (["acme falls"], 1, "v.txt", "saved as a .safetensors file"),
    ],
)
def test_what_cannot_be_made_is_refused(teacher, tmp_path, texts, size, path, message):
    with pytest.raises(ValueError, match=message):
        save_teacher_vectors(teacher, texts, tmp_path / path, size)
