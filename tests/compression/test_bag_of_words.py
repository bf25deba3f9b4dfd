# SPDX-License-Identifier: Apache-2.0
"""The bag of words: what it counts, what it learns and what it refuses."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from dixtill_hf.compression.bag_of_words import BagOfWords

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


def test_case_accents_and_punctuation_are_berts():
    model = BagOfWords(num_labels=2).fit(["Café: up!", "down"], [1, 0])
    same = model.predict_proba(["cafe : UP !", "Café: up!"])
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


def test_predicting_before_fitting_is_an_error():
    with pytest.raises(NotFittedError):
        BagOfWords(num_labels=2).predict_proba(TEXTS)
