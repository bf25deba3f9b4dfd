# SPDX-License-Identifier: Apache-2.0
"""How often texts have each word: counted in one pass, in memory that does not grow with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass

from datasets import Dataset, IterableDataset
from tokenizers import normalizers, pre_tokenizers
from tqdm.auto import tqdm

from dixtill_hf.data.columns import TEXT
from dixtill_hf.data.text_pairs import refuse_pairs
from dixtill_hf.data.words import word_normalizer, word_splitter

_TEXTS_AT_ONCE = 1000


@dataclass(frozen=True)
class WordCounts:
    """The words of texts, as `data.words` cleans and splits them.

    Attributes:
        counts: Word → how often it was seen, in the order of first appearance.
        texts: Number of texts.
        lost: At most so many occurrences of a word are missing from its count, and a word that is
            not in `counts` occurs at most so often. 0 if nothing had to be left out.
    """

    counts: Counter[str]
    texts: int
    lost: int = 0


def count_words(
    texts: Iterable[str] | Dataset | IterableDataset, most_words: int = 2_000_000
) -> WordCounts:
    """Count the words of texts in one pass, for `build_student` and `train_word_tokenizer`.

    Memory does not grow with the number of texts: whenever there are more than `most_words`
    different words, the rarer half is forgotten (lossy counting, after Manku and Motwani, VLDB
    2002). With fewer words the counts are exact.

    Args:
        texts: Strings, or a dataset or stream with the column `text`.
        most_words: Most different words that are held, at least 2. Two million take about 250 MB.
            Default 2,000,000.

    Raises:
        TypeError: `texts` is one string, or one of the texts is no string.
        ValueError: There is no column `text`, texts are pairs, or `most_words` is below 2.
    """
    if most_words < 2:
        raise ValueError(f"most_words must be at least 2, got {most_words}.")
    counter = WordCounter(word_normalizer(), word_splitter(), most_words)
    total = len(texts) if isinstance(texts, Sized) else None
    for text in tqdm(_texts_of(texts), desc="Counting words", unit=" texts", total=total):
        counter.add(text)
    return WordCounts(counter.counts, counter.texts, counter.lost)


def _texts_of(texts: Iterable[str] | Dataset | IterableDataset) -> Iterator[str]:
    if isinstance(texts, str):
        raise TypeError("texts must be many texts, got one string: wrap it in a list.")
    if not isinstance(texts, Dataset | IterableDataset):
        yield from texts
        return
    if texts.column_names is not None and TEXT not in texts.column_names:
        raise ValueError(
            f"There is no column {TEXT!r}, only {texts.column_names}: rename the column of the "
            f"texts with rename_column(..., {TEXT!r})."
        )
    if texts.column_names is not None:
        refuse_pairs(texts.column_names, "count_words")
    for batch in texts.select_columns([TEXT]).with_format(None).iter(_TEXTS_AT_ONCE):
        yield from batch[TEXT]


class WordCounter:
    """Counts the words of one text after the other.

    Args:
        normalizer: How a text is cleaned first.
        pre_tokenizer: How it is then split into words.
        most_words: Most different words that are held. Default: no limit.

    Attributes:
        counts: As in `WordCounts`.
        texts: As in `WordCounts`.
        lost: As in `WordCounts`.
    """

    def __init__(
        self,
        normalizer: normalizers.Normalizer,
        pre_tokenizer: pre_tokenizers.PreTokenizer,
        most_words: int | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.texts = 0
        self.lost = 0
        self._normalizer = normalizer
        self._pre_tokenizer = pre_tokenizer
        self._most_words = most_words

    def add(self, text: str) -> None:
        """Count the words of a text.

        Raises:
            TypeError: It is no string; the message names its row.
        """
        if not isinstance(text, str):
            raise TypeError(
                f"texts must be strings, got {type(text).__name__} in row {self.texts}."
            )
        self.counts.update(split_words(text, self._normalizer, self._pre_tokenizer))
        self.texts += 1
        if self._most_words is not None and len(self.counts) > self._most_words:
            self._forget_rare_words()

    def _forget_rare_words(self) -> None:
        """Leave out the rarer half of the words, and all that are as rare as one of them."""
        rare = sorted(self.counts.values())[len(self.counts) // 2]
        self.counts = Counter({word: n for word, n in self.counts.items() if n > rare})
        self.lost += rare


def split_words(
    text: str, normalizer: normalizers.Normalizer, pre_tokenizer: pre_tokenizers.PreTokenizer
) -> list[str]:
    """The normalised words of a text."""
    pieces = pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))
    return [word for word, _ in pieces]
