# SPDX-License-Identifier: Apache-2.0
"""Faithfulness to a bag-of-words model, by hand, and to teachers."""

from functools import partial

import numpy as np
import pytest

from dixtill_hf.data.words import word_spans
from dixtill_hf.evaluation.faithfulness import (
    SHARES,
    faithfulness,
    random_scores,
    remove_words,
    teacher_probabilities,
    word_scores,
)
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.loading import load_teacher

WEIGHTS = {"good": 0.25, "great": 0.125, "bad": -0.25}


def bag_of_words(texts):
    """p(positive) = 0.5 and what each word adds."""
    positive = [0.5 + sum(WEIGHTS.get(word, 0) for word in text.split()) for text in texts]
    return [[1 - p, p] for p in positive]


def test_by_hand():
    # p = 0.5 + 0.25 + 0.125 − 0.25 = 0.625
    text = "good , bad and great"
    scores = [0.25, 0, -0.25, 0, 0.125]
    found = faithfulness(bag_of_words, [text], [scores], [1], shares=(0.01, 0.3, 1))
    np.testing.assert_allclose(found.probabilities, [0.625])
    # Without "good"; without "good" and "great"; without any word.
    np.testing.assert_allclose(found.comprehensiveness, [[0.25, 0.375, 0.125]])
    # "good" alone is 0.75; "good great" 0.875; the whole text itself.
    np.testing.assert_allclose(found.sufficiency, [[-0.125, -0.25, 0]])
    np.testing.assert_allclose(found.comprehensiveness_aopc, [0.25])
    np.testing.assert_allclose(found.sufficiency_aopc, [-0.125])
    means = found.means()
    assert means["comprehensiveness@0.3"] == pytest.approx(0.375)
    assert (means["texts"], means["left_out"]) == (1, 0)


def test_the_explained_label_is_the_one_that_is_watched():
    found = faithfulness(bag_of_words, ["good bad"], [[-0.25, 0.25]], [0], shares=(0.5,))
    np.testing.assert_allclose(found.probabilities, [0.5])
    np.testing.assert_allclose(found.comprehensiveness, [[0.25]])  # "good" is left
    np.testing.assert_allclose(found.sufficiency, [[-0.25]])  # "bad" alone


def test_words_rank_by_score_or_magnitude_and_then_by_position():
    texts, scores = ["bad good plain"], [[-2.0, 1.0, 1.0]]
    signed = faithfulness(bag_of_words, texts, scores, [1], shares=(0.1,))
    np.testing.assert_allclose(signed.comprehensiveness, [[0.25]])  # "good", before "plain"
    unsigned = faithfulness(bag_of_words, texts, scores, [1], signed=False, shares=(0.1,))
    np.testing.assert_allclose(unsigned.comprehensiveness, [[-0.25]])  # "bad"


@pytest.mark.parametrize(
    ("words", "share", "removed"), [(3, 0.01, 1), (20, 0.05, 1), (21, 0.05, 2), (100, 0.07, 7)]
)
def test_shares_are_rounded_up_to_whole_words(words, share, removed):
    text = " ".join(["w"] * words)

    def length(texts):
        return [[len(one.split())] for one in texts]

    found = faithfulness(length, [text], [np.zeros(words)], [0], shares=(share,))
    np.testing.assert_allclose(found.comprehensiveness, [[removed]])
    np.testing.assert_allclose(found.sufficiency, [[words - removed]])


@pytest.mark.parametrize(
    ("text", "removed", "left"),
    [
        ("Acme isn't up 4.2%", [0, 4], "isn't 4.2%"),
        ("Acme isn't  up", [2], "Acme isn t up"),  # they were two words before
        ("up 4.2%", [1, 2], "up 2%"),
        (" Café\n\nÜbermut ", [], "Café Übermut"),
        ("日本語", [1], "日 語"),
        ("up", [0], ""),
    ],
)
def test_removed_words_are_gone_and_the_others_stay(text, removed, left):
    assert remove_words(text, removed) == left
    words = [text[start:end] for start, end in word_spans(text)]
    kept = [word for place, word in enumerate(words) if place not in removed]
    assert [left[start:end] for start, end in word_spans(left)] == kept


def test_spans_add_up_to_words():
    # "isn" is cut in two, "'t" is one token over two words.
    spans, attributions = [[0, 2], [2, 3], [3, 5], [5, 8]], [1.0, 2.0, 4.0, 8.0]
    np.testing.assert_allclose(word_scores("isn't up", spans, attributions), [3, 2, 2, 8])


def test_a_good_explanation_beats_a_random_one_and_the_random_one_is_seeded():
    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice([*WEIGHTS, "a", "b", "c"], 12)) for _ in range(40)]
    scores = [[WEIGHTS.get(word, 0) for word in text.split()] for text in texts]
    labels = np.ones(len(texts), int)
    ours = faithfulness(bag_of_words, texts, scores, labels).means()
    random = faithfulness(bag_of_words, texts, random_scores(texts, 1), labels).means()
    assert ours["comprehensiveness"] > random["comprehensiveness"] + 0.1
    assert ours["sufficiency"] < random["sufficiency"] - 0.1
    again, other = random_scores(texts, 1), random_scores(texts, 2)
    assert faithfulness(bag_of_words, texts, again, labels).means() == random
    assert any((one != two).any() for one, two in zip(again, other, strict=True))


def test_texts_without_words_are_left_out():
    found = faithfulness(bag_of_words, ["good", " "], [[1.0], []], [1, 1])
    assert np.isnan(found.comprehensiveness[1]).all()
    assert np.isnan(found.sufficiency[1]).all()
    means = found.means()
    assert means["probability"] == pytest.approx(0.75)
    assert (means["texts"], means["left_out"]) == (1, 1)
    assert faithfulness(bag_of_words, [""], [[]], [1]).means()["comprehensiveness"] is None


def test_the_model_is_asked_once_about_each_text():
    asked = []

    def predict(texts):
        asked.append(list(texts))
        return bag_of_words(texts)

    faithfulness(predict, ["good bad"] * 3, [[1.0, 0.0]] * 3, [1] * 3)
    (texts,) = asked
    assert sorted(texts) == ["bad", "good", "good bad"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": [], "scores": [], "labels": []}, "at least one text"),
        ({"labels": [1, 1]}, r"labels of shape \(2,\)"),
        ({"scores": [[1.0]]}, r"text 0 has 2 words, its scores are \[1.0\]"),
        ({"scores": [[1.0, np.nan]]}, "expected a finite number for each word"),
        ({"labels": [2]}, "labels are from 2 to 2: the model knows 0 to 1"),
        ({"shares": (0.5, 0)}, "shares must be above 0 and at most 1"),
        ({"predict": lambda texts: [0.5] * len(texts)}, r"shape \(3,\) for 3 texts"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    given = {"predict": bag_of_words, "texts": ["good bad"], "scores": [[1.0, 0.0]], "labels": [1]}
    with pytest.raises(ValueError, match=message):
        faithfulness(**(given | changes))


def test_a_teacher_says_the_same_in_batches_and_alone(each_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(each_teacher_dir, teacher_labels[::-1])
    texts = [*sentences, "", "up"]
    together = teacher_probabilities(teacher, texts, tokens_per_batch=64)
    np.testing.assert_allclose(together.sum(1), 1)
    for text, row in zip(texts, together, strict=True):
        np.testing.assert_allclose(teacher_probabilities(teacher, [text])[0], row, atol=1e-6)
    inputs = teacher.tokenizer(sentences[0], return_tensors="pt")
    alone = teacher.logits(inputs).softmax(-1)[0].numpy()
    np.testing.assert_allclose(together[0], alone, atol=1e-6)


def test_faithfulness_to_a_teacher(tiny_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(tiny_teacher_dir("gpt2"), teacher_labels)
    predict = partial(teacher_probabilities, teacher)
    labels = predict(sentences).argmax(-1)
    scores = [
        word_scores(text.text, text.spans, np.ones(len(text.spans)))
        for text in encode_texts(teacher, sentences)
    ]
    found = faithfulness(predict, sentences, scores, labels)
    assert found.comprehensiveness.shape == (len(sentences), len(SHARES))
    left = [
        remove_words(text, [int(np.argmax(row))])
        for text, row in zip(sentences, scores, strict=True)
    ]
    rows = np.arange(len(sentences))
    expected = predict(sentences)[rows, labels] - predict(left)[rows, labels]
    np.testing.assert_allclose(found.comprehensiveness[:, 0], expected, atol=1e-6)
