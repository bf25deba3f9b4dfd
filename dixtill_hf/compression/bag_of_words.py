# SPDX-License-Identifier: Apache-2.0
"""The rival without a network: logistic regression on counts of words and of word sequences."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer


class BagOfWords:
    """Logistic regression on counts of lower-case words and bigrams.

    Words are what BERT's normaliser and pre-tokeniser make of a text, as for the student by
    default, so that both see the same words.

    Args:
        num_labels: Number of labels, at least 2; `predict_proba` gives each a column.
        ngrams: Shortest and longest sequence of words that is counted.
        C: Inverse strength of the L2 penalty, above 0.
    """

    def __init__(self, num_labels: int, ngrams: tuple[int, int] = (1, 2), C: float = 1.0) -> None:
        if num_labels < 2:
            raise ValueError(f"num_labels must be at least 2, got {num_labels}")
        self.num_labels = num_labels
        normalizer, pre_tokenizer = BertNormalizer(lowercase=True), BertPreTokenizer()

        def words(text: str) -> list[str]:
            normalized = normalizer.normalize_str(text)
            return [word for word, _ in pre_tokenizer.pre_tokenize_str(normalized)]

        # token_pattern=None and lowercase=False: both are the tokenizer's business here.
        self._vectorizer = CountVectorizer(
            tokenizer=words, token_pattern=None, lowercase=False, ngram_range=ngrams
        )
        self._classifier = LogisticRegression(C=C, max_iter=5000)

    def fit(self, texts: Sequence[str], labels: ArrayLike) -> "BagOfWords":
        """Fits vocabulary and weights, and returns the model itself.

        Args:
            texts: Training texts.
            labels: Their labels, integers in [0, num_labels), shape `(texts,)`.

        Raises:
            ValueError: Numbers of texts and labels differ, a label is out of range, or all
                labels are the same.
        """
        labels = np.asarray(labels)
        if labels.shape != (len(texts),):
            raise ValueError(f"labels have shape {labels.shape} for {len(texts)} texts")
        present = set(np.unique(labels).tolist())
        if not present <= set(range(self.num_labels)) or len(present) < 2:
            raise ValueError(
                f"labels are {sorted(present)}: expected at least two of 0 to "
                f"{self.num_labels - 1}; leave out texts without a label"
            )
        self._classifier.fit(self._vectorizer.fit_transform(texts), labels)
        return self

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probabilities, shape `(texts, num_labels)`; 0 for labels absent from training.

        Raises:
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        probabilities = np.zeros((len(texts), self.num_labels))
        known = self._classifier.predict_proba(self._vectorizer.transform(texts))
        probabilities[:, self._classifier.classes_] = known
        return probabilities

    @property
    def parameters(self) -> int:
        """Number of fitted weights and biases."""
        return self._classifier.coef_.size + self._classifier.intercept_.size
