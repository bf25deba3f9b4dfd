# SPDX-License-Identifier: Apache-2.0
"""A new student is what its preset, its texts and its seed make it."""

from dataclasses import replace

import pytest
import torch

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.building import build_student
from dixtill_hf.distillation.presets import PRESETS
from dixtill_hf.student.pretrained_start import load_student_start
from dixtill_hf.student.tokenization import hashed_ngrams

TEXTS = ["profit rises", "profit falls", "profit falls again"]
LABELS = ["down", "up"]


def test_a_preset_gives_dropouts_and_the_least_frequency():
    model, tokenizer = build_student(TEXTS, LABELS, "default", extra_vocab_size=0)
    assert set(tokenizer.get_vocab()) == {"[PAD]", "[UNK]", "profit", "falls"}
    assert model.config.word_dropout == 0.1
    paper, words = build_student(TEXTS, LABELS, "paper")
    assert paper.config.hidden_dropout == 0
    assert len(words) == 6


def test_labels_are_named_in_their_order():
    model, _ = build_student(TEXTS, LABELS)
    assert model.config.id2label == {0: "down", 1: "up"}
    assert model.config.label2id == {"down": 0, "up": 1}


def test_vectors_start_the_embedding(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("profit 1 2 3\nfalls 4 5 6\n")
    model, tokenizer = build_student(TEXTS, LABELS, word_vectors=path)
    rows = model.embedding.weight[tokenizer.convert_tokens_to_ids(["profit", "falls"])]
    assert rows.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert model.config.embedding_size == 3
    assert not model.embedding.weight[tokenizer.pad_token_id].any()


def test_a_smaller_embedding_starts_from_what_is_left_of_the_vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("profit 1 1 3\nfalls 3 3 3\n")
    model, tokenizer = build_student(TEXTS, LABELS, word_vectors=path, embedding_size=1)
    assert model.config.embedding_size == 1
    rows = model.embedding.weight[tokenizer.convert_tokens_to_ids(["profit", "falls"])]
    assert rows[:, 0].detach().abs().tolist() == pytest.approx([2**0.5, 2**0.5])


@pytest.mark.slow
def test_words_share_what_their_ngrams_learn():
    model, tokenizer = build_student(TEXTS, LABELS, min_frequency=1, ngram_buckets=50)
    words = tokenizer.get_vocab()
    assert model.config.ngrams_per_word == model.ngrams.ngrams.shape[1]
    assert torch.equal(model.ngrams.ngrams, hashed_ngrams(words, 50))
    plain, _ = build_student(TEXTS, LABELS, min_frequency=1)
    assert plain.ngrams is None
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():  # at first they have learnt nothing
        assert torch.equal(model.eval()(**batch).logits, plain.eval()(**batch).logits)


@pytest.mark.parametrize(
    ("preset", "texts", "given", "buckets"),
    [
        ("default", 4_999, None, 0),
        ("default", 5_000, None, 4_000),
        ("default", 5_000, 0, 0),
        ("paper", 5_000, None, 0),
    ],
)
def test_many_texts_bring_ngrams_if_nothing_else_is_said(preset, texts, given, buckets):
    model, _ = build_student(["up"] * texts, LABELS, preset, ngram_buckets=given)
    assert model.config.ngram_buckets == buckets


def test_words_of_variants_are_known_too(tmp_path):
    _, tokenizer = build_student(TEXTS, LABELS, min_frequency=1, variant_texts=["brandnew word"])
    assert {"brandnew", "word"} <= set(tokenizer.get_vocab())


def test_extra_words_come_from_the_vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("profit 1 2 3\nloss 4 5 6\ngain 7 8 9\n")
    model, tokenizer = build_student(TEXTS, LABELS, word_vectors=path, extra_vocab_size=2)
    assert set(tokenizer.get_vocab()) == {"[PAD]", "[UNK]", "profit", "falls", "loss"}
    ids = tokenizer.convert_tokens_to_ids(["profit", "loss", "falls"])
    assert model.embedding.weight[ids[1]].tolist() == [4, 5, 6]
    assert model.initial_vectors[ids[0]].tolist() == [1, 2, 3]
    assert model.initial_vectors[ids[2]].isnan().all()
    with pytest.raises(ValueError, match="extra_vocab_size is 2, but there are no word_vectors"):
        build_student(TEXTS, LABELS, word_vectors="none", extra_vocab_size=2)


@pytest.fixture
def glove(tmp_path, monkeypatch):
    """Word vectors in the place of the packaged GloVe."""

    def make(*words):
        path = tmp_path / "vectors.txt"
        path.write_text("".join(f"{word} {row} 2 3\n" for row, word in enumerate(words)))
        preset = replace(PRESETS["default"], word_vectors=path, extra_vocab_of_few=3)
        monkeypatch.setitem(PRESETS, "default", preset)

    return make


@pytest.mark.parametrize(("texts", "extra"), [(4_999, {"loss"}), (5_000, set())])
def test_students_of_few_texts_know_the_words_of_the_vectors_too(glove, texts, extra):
    glove("profit", "loss", "falls", "gain")
    model, tokenizer = build_student(["profit falls"] * texts, LABELS)
    assert set(tokenizer.get_vocab()) == {"[PAD]", "[UNK]", "profit", "falls"} | extra
    assert (model.initial_vectors is not None) == bool(extra)


def test_vectors_of_another_language_give_no_further_words(glove):
    glove("profit", "gewinn", "verlust")  # one of the two words of the texts
    model, tokenizer = build_student(TEXTS, LABELS)
    assert set(tokenizer.get_vocab()) == {"[PAD]", "[UNK]", "profit", "falls"}
    assert model.initial_vectors is None


def test_other_vectors_and_those_who_say_so_give_no_further_words(glove, tmp_path):
    glove("profit", "falls", "gain")
    other = tmp_path / "other.txt"
    other.write_text("profit 1 2\nfalls 1 2\ngain 1 2\n")
    for given in ({"word_vectors": other}, {"extra_vocab_size": 0}, {"word_vectors": "none"}):
        _, tokenizer = build_student(TEXTS, LABELS, **given)
        assert "gain" not in tokenizer.get_vocab()


def test_the_arguments_of_a_training_give_preset_and_seed(tmp_path):
    args = DistillationArguments(str(tmp_path), preset="paper", seed=3)
    given, _ = build_student(TEXTS, LABELS, args, word_vectors="none")
    named, _ = build_student(TEXTS, LABELS, "paper", word_vectors="none", seed=3)
    assert given.config.hidden_dropout == 0
    assert torch.equal(given.embedding.weight, named.embedding.weight)


def test_the_seed_decides_all_that_is_random():
    (one, _), (same, _), (other, _) = (
        build_student(TEXTS, LABELS, seed=s, extra_vocab_size=0) for s in (1, 1, 2)
    )
    assert torch.equal(one.classifier.weight, same.classifier.weight)
    assert torch.equal(one.embedding.weight, same.embedding.weight)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)


def test_fields_of_the_configuration_win_over_the_preset():
    model, _ = build_student(TEXTS, LABELS, hidden_size=7, word_dropout=0.0)
    assert (model.config.hidden_size, model.config.word_dropout) == (7, 0.0)


def test_an_unknown_preset_gives_the_nearest():
    with pytest.raises(ValueError, match="default"):
        build_student(TEXTS, LABELS, "defualt")


def test_a_pretrained_student_gives_layers_words_and_vectors(student_start_dir):
    start = load_student_start(student_start_dir)
    model, tokenizer = build_student(TEXTS, LABELS, student_start=student_start_dir)
    words = tokenizer.get_vocab()
    assert sorted(words, key=words.get) == ["[PAD]", "[UNK]", "profit", "falls", *start.words]
    rows = start.vectors_of(start.words).matrix.tolist()
    assert model.embedding.weight[[words[word] for word in start.words]].tolist() == rows
    assert (model.config.hidden_size, model.config.embedding_size) == (4, 3)
    assert model.is_pretrained
    for name, value in start.model.encoder.state_dict().items():
        assert torch.equal(model.encoder.state_dict()[name], value)
    # Those that the start lacks are replaced by the unknown word when words are dropped.
    assert model.initial_vectors[words["profit"]].isnan().all()
    assert not model.initial_vectors[words["fall"]].isnan().any()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"word_vectors": "none"}, "word_vectors"),
        ({"extra_vocab_size": 5}, "extra_vocab_size"),
        ({"embedding_size": 4}, "embedding_size is 4"),
        ({"hidden_size": 5}, "hidden_size is 5"),
    ],
)
def test_what_contradicts_a_pretrained_student_is_refused(student_start_dir, given, named):
    with pytest.raises(ValueError, match=named):
        build_student(TEXTS, LABELS, student_start=student_start_dir, **given)


def test_words_are_left_out_of_the_vocabulary():
    _, tokenizer = build_student(TEXTS, LABELS, min_frequency=1)
    left_out = sorted(tokenizer.get_vocab())[-2:]
    model, smaller = build_student(TEXTS, LABELS, min_frequency=1, leave_out_words=left_out)
    assert set(smaller.get_vocab()) == set(tokenizer.get_vocab()) - set(left_out)
    assert model.config.vocab_size == len(smaller) == len(tokenizer) - 2
