# SPDX-License-Identifier: Apache-2.0
"""The bag of words: what it counts, what it learns and what it refuses."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from dixtill_hf.baselines import bag_of_words
from dixtill_hf.baselines.bag_of_words import BagOfWords
from dixtill_hf.data.words import word_spans
from dixtill_hf.evaluation.classifiers import predict_probabilities
from dixtill_hf.evaluation.efficiency import directory_bytes

TEXTS = ["Shares rise", "Profits rise, fast!", "Shares fall", "Profits fall"]
LABELS = [2, 2, 0, 0]


def test_it_learns_which_words_carry_the_label():
    model = BagOfWords(num_labels=3).fit(TEXTS, LABELS)
    probabilities = model.predict_proba(["Margins rise", "margins FALL."])
    assert probabilities.argmax(axis=1).tolist() == [2, 0]
    assert probabilities.sum(axis=1) == pytest.approx([1, 1])


def test_labels_absent_from_training_get_a_column_of_zeros():
    probabilities = BagOfWords(num_labels=4).fit(TEXTS, LABELS).predict_proba(TEXTS)
    assert probabilities.shape == (4, 4)
    assert not probabilities[:, [1, 3]].any()


def test_case_and_spaces_make_no_difference():
    model = BagOfWords(num_labels=2).fit(["Café: up!", "down"], [1, 0])
    same = model.predict_proba(["CAFÉ : UP !", "Café: up!"])
    assert same[0] == pytest.approx(same[1])


def test_bigrams_see_the_order_of_words_and_single_words_do_not():
    texts, labels = ["not good but bad", "not bad but good"] * 2, [0, 1] * 2
    bigrams = BagOfWords(num_labels=2).fit(texts, labels)
    words = BagOfWords(num_labels=2, ngrams=(1, 1)).fit(texts, labels)
    assert bigrams.predict_proba(texts).argmax(axis=1).tolist() == labels
    assert words.predict_proba(texts) == pytest.approx(np.full((4, 2), 0.5))


def test_parameters_are_one_weight_a_feature_and_label_and_the_biases():
    # Words: shares, rise, fall. Bigrams: shares rise, shares fall, fall rise.
    texts = ["shares rise", "shares fall", "fall rise"]
    assert BagOfWords(num_labels=3).fit(texts, [0, 1, 2]).parameters == 3 * (6 + 1)
    # Two labels share one set of weights.
    assert BagOfWords(num_labels=2).fit(texts, [0, 1, 1]).parameters == 6 + 1


def test_a_weaker_penalty_makes_it_surer():
    loose, tight = (BagOfWords(num_labels=3, C=c).fit(TEXTS, LABELS) for c in (100.0, 0.01))
    assert loose.predict_proba(TEXTS).max() > tight.predict_proba(TEXTS).max()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], r"shape \(2,\) for 4 texts"),
        ([0, 1, 2, 3], "expected at least two of 0 to 2"),
        ([0, 1, -100, 1], "leave out texts without a label"),
        ([1, 1, 1, 1], r"labels are \[1\]"),
    ],
)
def test_bad_labels_are_named(labels, message):
    with pytest.raises(ValueError, match=message):
        BagOfWords(num_labels=3).fit(TEXTS, labels)


def test_one_label_is_no_classification():
    with pytest.raises(ValueError, match="at least 2, got 1"):
        BagOfWords(num_labels=1)


def test_what_is_not_fitted_is_an_error(tmp_path):
    model = BagOfWords(num_labels=2)
    for use in (
        lambda: model.predict_proba(TEXTS),
        lambda: model.explain(TEXTS, [0] * 4),
        lambda: model.parameters,
        lambda: model.save(tmp_path),
    ):
        with pytest.raises(NotFittedError):
            use()


def test_probabilities_are_scikit_learns():
    for labels in ([0, 1, 1, 0], [2, 0, 1, 0]):
        model = BagOfWords(num_labels=3).fit(TEXTS, labels)
        counts = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]").fit(TEXTS)
        reference = LogisticRegression(max_iter=5000).fit(counts.transform(TEXTS), labels)
        expected = reference.predict_proba(counts.transform(TEXTS))
        found = model.predict_proba(TEXTS)[:, reference.classes_]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_it_is_scored_as_every_classifier():
    model = BagOfWords(num_labels=4).fit(TEXTS, LABELS)
    texts = [*TEXTS, "Profits fall, then rise", ""]
    expected = model.predict_proba(texts)
    np.testing.assert_allclose(predict_probabilities(model, texts, 2), expected, atol=1e-6)
    logits = model.logits(model.tokenize(texts, pad_to=150))
    assert logits.dtype == np.float32
    np.testing.assert_allclose(softmax(logits, axis=1), expected, atol=1e-6)


@pytest.mark.parametrize("labels", [[0, 1, 1, 0], [2, 0, 1, 0]])
@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2), (2, 3)])
def test_explanations_and_the_intercept_sum_to_the_score(labels, ngrams):
    model = BagOfWords(num_labels=3, ngrams=ngrams).fit(TEXTS, labels)
    texts = ["Profits rise, shares fall fast!", "Shares", "rise rise rise", ""]
    logits = model.logits(model.tokenize(texts))
    for label in set(labels):
        scores = model.explain(texts, [label] * len(texts))
        sums = [score.sum() + model.intercept[label] for score in scores]
        np.testing.assert_allclose(sums, logits[:, label], atol=1e-6)


def test_two_labels_differ_by_the_decision():
    model = BagOfWords(num_labels=2).fit(["up", "down"], [1, 0])
    up, down = (model.explain(["up"], [label])[0] for label in (1, 0))
    probability = model.predict_proba(["up"])[0]
    intercept = model.intercept[1] - model.intercept[0]
    assert up - down == pytest.approx(np.log(probability[1] / probability[0]) - intercept)
    assert up == -down
    assert up > 0


def test_a_bigrams_coefficient_is_shared_between_its_words():
    model = BagOfWords(num_labels=2, ngrams=(2, 2)).fit(["not bad", "so bad"], [1, 0])
    # Not a training bigram, then one that is.
    scores = model.explain(["bad not bad"], [1])[0]
    assert scores[0] == 0
    assert scores[1] == scores[2] > 0


def test_word_spans_are_where_the_words_stand():
    model = BagOfWords(num_labels=2).fit(["Café: up!", "down"], [1, 0])
    text = "  the CAFÉ goes up!"
    spans = word_spans(text)
    assert [text[start:end] for start, end in spans] == ["the", "CAFÉ", "goes", "up", "!"]
    scores = model.explain([text], [1])[0]
    assert scores[[0, 2]].tolist() == [0, 0]
    assert (scores[[1, 3, 4]] > 0).all()


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 2, 1], [-100, 0, 0, 0]])
def test_labels_that_cannot_be_explained_are_named(labels):
    model = BagOfWords(num_labels=3).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match=r"4 texts: give one of \[0, 2\]"):
        model.explain(TEXTS, labels)


@pytest.mark.parametrize("labels", [[0, 1, 1, 0], [2, 0, 1, 0]])
def test_a_saved_model_answers_and_explains_as_before(labels, tmp_path):
    model = BagOfWords(num_labels=3, ngrams=(1, 3), C=0.5).fit([*TEXTS, "Café 上海"], [*labels, 1])
    path = model.save(tmp_path / "bag")
    loaded = BagOfWords.load(path)
    texts = ["Shares rise, in CAFÉ 上 海", "nothing known", ""]
    np.testing.assert_allclose(loaded.predict_proba(texts), model.predict_proba(texts), atol=1e-6)
    pairs = zip(loaded.explain(texts, [0] * 3), model.explain(texts, [0] * 3), strict=True)
    for again, before in pairs:
        np.testing.assert_allclose(again, before, atol=1e-6)
    assert loaded.parameters == model.parameters
    assert (loaded.ngrams, loaded.C) == ((1, 3), 0.5)
    assert directory_bytes(path) == sum(file.stat().st_size for file in path.iterdir())
    assert loaded.fit(TEXTS, LABELS).predict_proba(["fall"])[0].argmax() == 0


def test_a_directory_without_a_model_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        BagOfWords.load(tmp_path)


def test_the_most_frequent_features_alone_get_a_weight(monkeypatch):
    monkeypatch.setattr(bag_of_words, "_MOST_FEATURES", 2)
    model = BagOfWords(num_labels=3).fit([*TEXTS, "rise", "fall"], [*LABELS, 2, 0])
    assert model.parameters == 2 + 1  # of "rise" and "fall", and a bias


def test_several_labels_are_a_logistic_regression_each(tmp_path):
    texts = ["up fast", "up", "down fast", "down", "up fast", "down"]
    labels = np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [0, 1, 0]], float)
    model = BagOfWords(3, problem_type="multi_label_classification").fit(texts, labels)
    probabilities = model.predict_proba(texts)
    assert ((probabilities > 0.5) == (labels == 1)).all()
    for label in range(3):
        alone = LogisticRegression().fit(model.tokenize(texts), labels[:, label])
        expected = alone.predict_proba(model.tokenize(texts))[:, 1]
        np.testing.assert_allclose(probabilities[:, label], expected, atol=1e-3)
    logits = model.logits(model.tokenize(texts))
    for row, words in enumerate(model.explain(texts, [0] * len(texts))):
        assert words.sum() + model.intercept[0] == pytest.approx(logits[row, 0], abs=1e-5)
    loaded = BagOfWords.load(model.save(tmp_path))
    np.testing.assert_allclose(loaded.predict_proba(texts), probabilities, atol=1e-6)


def test_values_are_a_ridge_regression():
    texts = ["up", "up up", "down", "down down"]
    values = np.array([[1.0], [2.0], [-1.0], [-2.0]])
    model = BagOfWords(1, problem_type="regression", C=100.0).fit(texts, values)
    np.testing.assert_allclose(model.predict_proba(texts), values, atol=0.1)
