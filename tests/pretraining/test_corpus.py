# SPDX-License-Identifier: Apache-2.0
"""A corpus in one array gives the batches that its texts would give."""

import numpy as np
import pytest
import torch

from dixtill_hf.pretraining.corpus import Corpus, CorpusCollator, WordIds
from dixtill_hf.student.tokenization import train_word_tokenizer

TEXTS = ["a b c", "", "b", "c c a b"]


class Vectors:
    """The vector of text n is (n, n)."""

    def __getitem__(self, rows):
        return np.array([[row, row] for row in rows], np.float32)


@pytest.fixture
def words() -> WordIds:
    return WordIds(TEXTS, train_word_tokenizer(TEXTS), max_words=3)


def test_texts_are_those_of_the_tokenizer_cut_at_the_limit(words):
    tokenizer = train_word_tokenizer(TEXTS)
    for row, text in enumerate(TEXTS):
        assert words[row].tolist() == tokenizer(text)["input_ids"][:3]
    assert words.lengths.tolist() == [3, 0, 1, 3]


def test_the_share_of_a_word_is_that_of_all_words(words):
    ids = train_word_tokenizer(TEXTS).get_vocab()
    assert words.share_of(ids["c"]) == pytest.approx(3 / 7)
    assert words.share_of(ids["[UNK]"]) == 0


def test_a_batch_is_padded_and_has_the_vectors_of_its_texts(words):
    part = Corpus(words, np.array([0, 2]))
    assert [part[row] for row in range(len(part))] == [0, 2]
    batch = CorpusCollator(words, Vectors(), 0)([0, 2])
    assert batch["input_ids"][1].tolist() == [*words[2].tolist(), 0, 0]
    assert batch["vectors"].tolist() == [[0, 0], [2, 2]]
    assert batch["input_ids"].dtype == torch.int64
