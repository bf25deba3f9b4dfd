# SPDX-License-Identifier: Apache-2.0
"""Words are counted in one pass over texts in any number."""

from collections import Counter

import numpy as np
import pytest
from datasets import Dataset, IterableDataset

from dixtill_hf.student.tokenization import train_word_tokenizer
from dixtill_hf.student.word_counts import count_words

TEXTS = ["Shares rise, shares fall", "Nothing falls [PAD] on Monday", "", "shares RISE"]


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        iter(TEXTS),
        Dataset.from_dict({"text": TEXTS, "label": range(4)}),
        Dataset.from_dict({"text": TEXTS}).to_iterable_dataset(),
        IterableDataset.from_generator(lambda: ({"text": text} for text in TEXTS)),
    ],
)
def test_the_tokenizer_of_counted_words_is_that_of_the_texts(texts):
    counts = count_words(texts)
    assert (counts.texts, counts.lost) == (4, 0)
    made = train_word_tokenizer(counts, min_frequency=2, max_size=4)
    assert made.get_vocab() == train_word_tokenizer(TEXTS, 2, 4).get_vocab()
    assert made.get_vocab() == {"[PAD]": 0, "[UNK]": 1, "shares": 2, "rise": 3}


def _zipf_texts(words: int, texts: int) -> list[str]:
    rng = np.random.default_rng(0)
    ids = np.minimum(rng.zipf(1.3, (texts, 10)), words)
    return [" ".join(f"w{i}" for i in row) for row in ids]


def test_a_bounded_count_misses_no_more_than_it_says():
    texts = _zipf_texts(3000, 2000)
    exact = Counter(word for text in texts for word in text.split())
    counts = count_words(texts, most_words=300)
    assert len(counts.counts) <= 300 < len(exact)
    assert counts.lost > 0
    for word, n in exact.items():
        assert n - counts.lost <= counts.counts[word] <= n
    assert [word for word, _ in counts.counts.most_common(20)] == [
        word for word, _ in exact.most_common(20)
    ]


def test_missing_words_are_warned_of(caplog):
    counts = count_words(_zipf_texts(3000, 2000), most_words=300)
    train_word_tokenizer(counts, min_frequency=counts.lost + 1)
    assert "may be missing" not in caplog.text
    train_word_tokenizer(counts)
    assert "most_words" in caplog.text


def test_wrong_texts_are_refused():
    with pytest.raises(TypeError, match="one string"):
        count_words("a text")
    with pytest.raises(TypeError, match="NoneType in row 1"):
        count_words(["a", None])
    with pytest.raises(ValueError, match="no column 'text'"):
        count_words(Dataset.from_dict({"sentence": TEXTS}))
    with pytest.raises(ValueError, match="at least 2"):
        count_words(TEXTS, most_words=1)
    with pytest.raises(ValueError, match="count_words"):
        train_word_tokenizer(count_words(TEXTS), pre_tokenizer="whitespace")
