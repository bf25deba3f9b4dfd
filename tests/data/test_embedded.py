# SPDX-License-Identifier: Apache-2.0
"""The embedded corpus is the same everywhere, true to its grammar, and hard for a bag of words."""

import hashlib
import json
import math
import re
from collections import Counter

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from dixtill_hf.data import embedded
from dixtill_hf.data.embedded import LABELS, financial_headlines, split_marks

# What the words of a rationale say of the label, by how they begin, written down apart from the
# vocabulary: a headline is bullish if the product of their signs is +1.
POSITIVE = """rise rising climb jump surg increas leap higher rais lift hik resum extend beat top
    win gain secur get face facing settl attract delight outperform profit revenue sales margin
    order cash outlook dividend output share supply hiring store contract market approval upgrade
    lawsuit investors customers peers"""
NEGATIVE = """fall drop slid slump declin tumbl lower cut trim suspend end miss trail los ced
    alarm disappoint underperform debt cost complaint loan expense bad layoff plant product price
    probe downgrade unlikely no not rules stops avoid fail"""
SIGNS = dict.fromkeys(POSITIVE.split(), 1) | dict.fromkeys(NEGATIVE.split(), -1)


@pytest.fixture(scope="module")
def corpus():
    return financial_headlines()


def rationale(row: dict) -> list[str]:
    return [row["text"][start:end] for start, end in row["rationale"]]


def test_sizes_labels_and_shares(corpus):
    assert {split: len(dataset) for split, dataset in corpus.items()} == {
        "train": 3000,
        "test": 600,
    }
    for dataset in corpus.values():
        assert dataset.features["label"].names == ["bearish", "bullish", "neutral"]
        assert min(Counter(dataset["label"]).values()) >= 0.2 * len(dataset)


def test_the_texts_are_the_same_on_every_machine(corpus):
    rows = json.dumps([corpus["train"].to_list(), corpus["test"].to_list()]).encode()
    assert (
        hashlib.sha256(rows).hexdigest()
        == "0224a3ffd738b2df1e57886202327047deab66f7b5cc66c9882fe766e12e4e8e"
    )


def test_the_seed_decides_the_texts():
    first, second = (financial_headlines(20, 10, seed)["test"]["text"][:] for seed in (0, 1))
    assert not set(first) & set(second)


def test_the_test_split_does_not_depend_on_the_size_of_train():
    first, second = (financial_headlines(size, 20)["test"].to_list() for size in (5, 50))
    assert first == second


def test_no_text_occurs_twice(corpus):
    texts = [*corpus["train"]["text"], *corpus["test"]["text"]]
    assert len(set(texts)) == len(texts)


def test_headlines_are_short_and_clean(corpus):
    texts = [*corpus["train"]["text"], *corpus["test"]["text"]]
    words = [len(text.split()) for text in texts]
    assert 10 <= sum(words) / len(words) <= 16
    assert max(words) <= 40
    assert not [text for text in texts if re.search(r"[\[\]{}]|  | [,?]|^[a-z]", text)]


def test_noise_is_in_train_alone(corpus, monkeypatch):
    monkeypatch.setattr(embedded, "NOISE", 0)
    clean = financial_headlines()
    assert clean["test"].to_list() == corpus["test"].to_list()
    assert clean["train"]["text"][:] == corpus["train"]["text"][:]
    pairs = zip(clean["train"]["label"], corpus["train"]["label"], strict=True)
    assert sum(true != noisy for true, noisy in pairs) == 90


def test_rationales_are_whole_words_of_their_text(corpus):
    for row in corpus["test"]:
        assert row["rationale"]
        for start, end in row["rationale"]:
            assert row["text"][start:end] == row["text"][start:end].strip() != ""
            assert not re.match(r"\w\w", row["text"][max(start - 1, 0) : start + 1])
            assert not re.match(r"\w\w", row["text"][end - 1 : end + 1])


def sign(words: str) -> int:
    beginning = max((known for known in SIGNS if words.lower().startswith(known)), key=len)
    return SIGNS[beginning]


def test_polar_labels_follow_from_the_words_of_their_rationale(corpus):
    signs = {LABELS.index("bearish"): -1, LABELS.index("bullish"): 1}
    polar = [row for row in corpus["test"] if row["label"] in signs]
    assert [math.prod(map(sign, rationale(row))) for row in polar] == [
        signs[row["label"]] for row in polar
    ]


@pytest.mark.parametrize("penalty", [1, 10])
def test_a_bag_of_words_does_not_solve_it(corpus, penalty):
    vectorizer = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]")
    train = vectorizer.fit_transform(corpus["train"]["text"])
    model = LogisticRegression(C=penalty, max_iter=1000).fit(train, corpus["train"]["label"][:])
    test = vectorizer.transform(corpus["test"]["text"])
    assert 0.7 <= model.score(test, corpus["test"]["label"][:]) <= 0.9


def test_marks_become_spans():
    assert split_marks("Norvane [costs] to [rise] 4%") == (
        "Norvane costs to rise 4%",
        [[8, 13], [17, 21]],
    )
    assert split_marks("plain") == ("plain", [])
