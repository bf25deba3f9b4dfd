# SPDX-License-Identifier: Apache-2.0
"""Students learn from pairs of texts: targets of the words of both, variants, one call."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.data.text_pairs import TextPair, texts_of
from dixtill_hf.distillation.augmentation import (
    add_teacher_labelled_texts,
    label_variants,
    text_variants,
)
from dixtill_hf.distillation.batching import DistillationCollator
from dixtill_hf.distillation.dataset import prepare_dataset
from dixtill_hf.distillation.distill import distill
from dixtill_hf.distillation.model_card import read_card
from dixtill_hf.evaluation.faithfulness import remove_words
from dixtill_hf.student.student import load_student
from dixtill_hf.student.tokenization import encode_padded, train_word_tokenizer
from dixtill_hf.teacher.function import FunctionTeacher

LABELS = ["other", "same"]
THINGS = ["dog", "man", "bird", "girl", "cat", "boy"]


def same_thing(texts: list[str]) -> list[list[float]]:
    """Logits by whether both texts name the same thing."""
    found = []
    for pair in texts:
        shared = {*pair.text.split()} & {*pair.text_pair.split()} & {*THINGS}
        found.append([0.0, 6.0] if shared else [6.0, 0.0])
    return found


@pytest.fixture
def teacher() -> FunctionTeacher:
    return FunctionTeacher(same_thing, LABELS, key="same thing")


@pytest.fixture
def pairs() -> Dataset:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(60):
        first, other = rng.choice(THINGS, 2, replace=False)
        second = first if number % 2 else other
        rows.append(
            {
                "text": f"the {first} is number {number}",
                "text_pair": f"here a {second} sleeps",
                "label": number % 2,
            }
        )
    return Dataset.from_list(rows).cast_column("label", ClassLabel(names=LABELS))


def test_targets_are_those_of_the_words_of_both_texts(pairs, teacher, tmp_path):
    annotated = annotate(pairs, teacher, "occlusion", cache_dir=tmp_path)
    tokenizer = train_word_tokenizer(texts_of(pairs), pairs=True)
    prepared = prepare_dataset(annotated, tokenizer, LABELS)
    for row, given in zip(prepared, annotated, strict=True):
        words = tokenizer.convert_ids_to_tokens(row["input_ids"])
        assert [words[at] for at, kind in enumerate(row["token_type_ids"]) if kind == 2] == [
            "[SEP]"
        ]
        targets = row["attribution_targets"]
        assert sum(targets) == pytest.approx(sum(given["teacher_attributions"]), abs=1e-5)
        scored = [
            (kind, word)
            for kind, word, score in zip(row["token_type_ids"], words, targets, strict=True)
            if score
        ]
        if given["label"]:
            assert {kind for kind, _ in scored} == {0, 1}
            assert {word for _, word in scored} <= {*THINGS}
    batch = DistillationCollator(tokenizer.pad_token_id)([prepared[0], prepared[1]])
    assert batch["token_type_ids"].shape == batch["input_ids"].shape


def test_long_pairs_are_cut_as_the_tokenizer_cuts_them(pairs, teacher, tmp_path):
    long = Dataset.from_dict(
        {
            "text": ["dog " * 30, "dog cat", "dog " * 30],
            "text_pair": ["man cat", "man " * 30, "man " * 30],
        }
    )
    annotated = annotate(long, teacher, "occlusion", cache_dir=tmp_path)
    tokenizer = train_word_tokenizer(texts_of(long), pairs=True)
    prepared = prepare_dataset(annotated, tokenizer, LABELS, max_words=11)
    tokenizer.model_max_length = 11
    encoding = encode_padded(tokenizer, texts_of(long))
    for row, ids, types in zip(
        prepared, encoding["input_ids"], encoding["token_type_ids"], strict=True
    ):
        assert row["input_ids"] == ids.tolist()
        assert row["token_type_ids"] == types.tolist()
        assert row["length"] == len(row["attribution_targets"]) == 11


def test_variants_of_pairs_are_pairs_that_vary_either_text():
    texts = [TextPair(f"one two three {i}", f"four five six {i}") for i in range(30)]
    made = text_variants(texts, per_text=2, seed=1)
    assert made == text_variants(texts, per_text=2, seed=1)
    assert all(isinstance(pair, TextPair) and all(pair.parts) for pair in made)
    firsts, seconds = ({pair.parts[at] for pair in texts} for at in (0, 1))
    kept = {(pair.text in firsts, pair.text_pair in seconds) for pair in made}
    assert kept >= {(True, False), (False, True), (False, False)}
    assert not {*made} & {*texts}


def test_labelled_variants_stand_behind_the_training_pairs(pairs, teacher, tmp_path):
    train = annotate(pairs, teacher, "occlusion", cache_dir=tmp_path)
    variants = label_variants(train, teacher, 1, cache_dir=tmp_path)
    both = add_teacher_labelled_texts(train, variants)
    assert texts_of(both)[: len(train)] == texts_of(train)
    assert texts_of(both)[len(train) :] == texts_of(variants)
    with pytest.raises(ValueError, match="A student of these training texts reads single texts"):
        add_teacher_labelled_texts(train.remove_columns("text_pair"), variants)


def test_one_call_distils_pairs(pairs, teacher, tmp_path):
    renamed = pairs.rename_columns({"text": "premise", "text_pair": "hypothesis"})
    student = distill(
        renamed,
        teacher,
        tmp_path / "student",
        explainer="occlusion",
        num_train_epochs=8,
        word_vectors="none",
        variants=1,
        use_cpu=True,
        disable_tqdm=True,
    )
    assert student.model.config.text_pairs
    given = {"text": "the dog is number 3", "text_pair": "here a dog sleeps"}
    explanation = student(given)
    assert set(explanation.sequences) == {"text", "text_pair"}
    loaded = load_student(tmp_path / "student")
    assert loaded(given).logits == pytest.approx(explanation.logits, abs=1e-5)
    predicted = [one.label for one in student.explain(texts_of(pairs))]
    right = [LABELS[label] for label in pairs["label"]]
    assert np.mean([one == other for one, other in zip(predicted, right, strict=True)]) > 0.8
    card = read_card(tmp_path / "student")
    assert card.text_pairs
    assert '{"text": "a text", "text_pair": "a second text"}' in (
        tmp_path / "student" / "README.md"
    ).read_text(encoding="utf-8")


def test_a_tokenizer_of_single_texts_refuses_pairs(pairs, teacher, tmp_path):
    annotated = annotate(pairs, teacher, "none", cache_dir=tmp_path)
    with pytest.raises(ValueError, match="The texts are pairs, and this student reads single"):
        prepare_dataset(annotated, train_word_tokenizer(pairs["text"]), LABELS)
    single = annotated.remove_columns("text_pair")
    with pytest.raises(ValueError, match="reads pairs of texts, and the texts are single"):
        prepare_dataset(single, train_word_tokenizer(texts_of(pairs), pairs=True), LABELS)


def test_words_are_removed_from_either_text_of_a_pair():
    assert remove_words(TextPair("a b  c", "d e"), [1, 3]) == TextPair("a c", "e")
