# SPDX-License-Identifier: Apache-2.0
"""The baseline without a network: logistic regression on counts of words and of word sequences.

The baseline "bag_of_words".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from dixtill_hf.artifacts.hashing import hash_texts
from dixtill_hf.baselines.base import Baseline, Cache, register_baseline, without_cache
from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.label_column import label_array, problem_type_of
from dixtill_hf.data.problem_types import (
    MULTI_LABEL,
    PROBLEM_TYPES,
    REGRESSION,
    SINGLE_LABEL,
    get_problem_type,
)
from dixtill_hf.data.text_pairs import TextPair, texts_of
from dixtill_hf.data.words import words_of

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from dixtill_hf.teacher.loading import Teacher

# Of millions of texts there would be tens of millions, and each has a weight for every label.
_MOST_FEATURES = 200_000

_WEIGHTS, _FEATURES, _CONFIG = "model.safetensors", "vocab.json", "config.json"


# In front of the words of the second text of a pair, so that they count apart from the first's.
_SECOND = "2:"


def _marked_words(text: str) -> list[str]:
    """The words of a text; in a pair, those of the second text are marked as such."""
    if isinstance(text, TextPair):
        first, second = map(words_of, text.parts)
        return [*first, *(_SECOND + word for word in second)]
    return words_of(text)


class BagOfWords:
    """A linear model of counts of lower-case words and bigrams.

    It is a logistic regression; one for each label if a text may have several; and a ridge
    regression of values. Words are those of `data.words`, as for the student by default, so that
    both see the same. In a pair of texts, words of the second count apart from those of the first.
    It can be scored and timed as every `Classifier`.

    Args:
        num_labels: Number of labels, at least 2 if a text has one of them; `predict_proba` gives
            each a column.
        ngrams: Shortest and longest sequence of words that is counted, as far as it is among the
            200,000 most frequent ones.
        C: Inverse strength of the L2 penalty, above 0.
        problem_type: Name of the kind of task. Default "single_label_classification".
    """

    name = "bag of words"
    runtime = "scikit-learn"

    def __init__(
        self,
        num_labels: int,
        ngrams: tuple[int, int] = (1, 2),
        C: float = 1.0,
        problem_type: str = SINGLE_LABEL,
    ) -> None:
        self.problem = get_problem_type(problem_type)
        fewest = 2 if problem_type == SINGLE_LABEL else 1
        if num_labels < fewest:
            raise ValueError(f"num_labels must be at least {fewest}, got {num_labels}")
        self.num_labels = num_labels
        self.ngrams = ngrams
        self.C = C
        self._vectorizer = self._new_vectorizer(None)
        self._weights: dict[str, NDArray] = {}

    def fit(self, texts: Sequence[str], labels: ArrayLike) -> BagOfWords:
        """Fits vocabulary and weights, and returns the model itself.

        Args:
            texts: Training texts.
            labels: Their labels, as `ProblemType.array` gives them: integers in [0, num_labels),
                shape `(texts,)`; or floats `(texts, num_labels)` if a text has several.

        Raises:
            ValueError: Numbers of texts and labels differ, a label is out of range, or all
                labels are the same.
        """
        labels = np.asarray(labels)
        several = self.problem.name != SINGLE_LABEL
        if labels.shape != (len(texts), *[self.num_labels] * several):
            raise ValueError(f"labels have shape {labels.shape} for {len(texts)} texts")
        self._vectorizer = self._new_vectorizer(None)
        fit = {SINGLE_LABEL: self._fit_one, MULTI_LABEL: self._fit_several, REGRESSION: self._ridge}
        self._weights = fit[self.problem.name](self._vectorizer.fit_transform(texts), labels)
        return self

    def _fit_one(self, counts: csr_matrix, labels: NDArray) -> dict[str, NDArray]:
        present = set(np.unique(labels).tolist())
        if not present <= set(range(self.num_labels)) or len(present) < 2:
            raise ValueError(
                f"labels are {sorted(present)}: expected at least two of 0 to "
                f"{self.num_labels - 1}; leave out texts without a label"
            )
        classifier = LogisticRegression(C=self.C, max_iter=5000).fit(counts, labels)
        return {
            "coefficients": classifier.coef_,
            "intercept": classifier.intercept_,
            "labels": classifier.classes_.astype(np.int64),
        }

    def _fit_several(self, counts: csr_matrix, labels: NDArray) -> dict[str, NDArray]:
        """A logistic regression for each label that some texts have, and not all."""
        known = np.flatnonzero(labels.any(axis=0) & ~labels.all(axis=0))
        if not len(known):
            raise ValueError("every label is that of all texts or of none: there is nothing to fit")
        fitted = [
            LogisticRegression(C=self.C, max_iter=5000).fit(counts, labels[:, label])
            for label in known
        ]
        return {
            "coefficients": np.concatenate([one.coef_ for one in fitted]),
            "intercept": np.concatenate([one.intercept_ for one in fitted]),
            "labels": known.astype(np.int64),
        }

    def _ridge(self, counts: csr_matrix, labels: NDArray) -> dict[str, NDArray]:
        fitted = Ridge(alpha=1 / self.C).fit(counts, labels)
        return {
            "coefficients": np.atleast_2d(fitted.coef_),
            "intercept": np.atleast_1d(fitted.intercept_),
            "labels": np.arange(self.num_labels),
        }

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Probabilities, shape `(texts, num_labels)`; 0 for labels absent from training.

        In a regression, the values.

        Raises:
            sklearn.exceptions.NotFittedError: The model was neither fitted nor loaded.
        """
        self._check_fitted()
        return self.problem.scores(self._scores(self.tokenize(texts)))

    def tokenize(self, texts: Sequence[str], pad_to: int | None = None) -> csr_matrix:
        """Counts, `(texts, features)`; see `Classifier`. There is nothing to pad."""
        return self._vectorizer.transform(texts)

    def logits(self, inputs: csr_matrix) -> NDArray[np.float32]:
        """Scores `(texts, labels)` that the probabilities are computed from; see `Classifier`.

        Of two labels the second scores half of scikit-learn's decision function and the first
        minus that. Labels absent from training score minus infinity.
        """
        return self._scores(inputs).astype(np.float32)

    def explain(self, texts: Sequence[str], labels: ArrayLike) -> list[NDArray[np.float64]]:
        """What each word of a text adds to the score of a label: its coefficients.

        A word gets the coefficient of itself, and of each longer sequence that it is part of an
        equal share: half of a bigram's. With `intercept` they sum to the label's `logits`.

        Args:
            texts: The texts to explain.
            labels: The label to explain in each, integers in [0, num_labels), shape `(texts,)`.

        Returns:
            One array `(words,)` per text; `data.words.word_spans` gives the places of the words.

        Raises:
            ValueError: There is not one label a text, or one was absent from training.
            sklearn.exceptions.NotFittedError: The model was neither fitted nor loaded.
        """
        rows = self._rows_of(labels, len(texts))
        coefficients = self._coefficients()
        vocabulary = self._vectorizer.vocabulary_
        explanations = []
        for text, row in zip(texts, rows, strict=True):
            words = _marked_words(text)
            scores = np.zeros(len(words))
            for size in range(self.ngrams[0], self.ngrams[1] + 1):
                for start in range(len(words) - size + 1):
                    feature = vocabulary.get(" ".join(words[start : start + size]))
                    if feature is not None:
                        scores[start : start + size] += coefficients[row, feature] / size
            explanations.append(scores)
        return explanations

    @property
    def labels(self) -> list[int]:
        """The labels that occurred in training."""
        return self._weights["labels"].tolist()

    @property
    def intercept(self) -> NDArray[np.float64]:
        """What each label scores without any word, shape `(num_labels,)`; see `logits`."""
        return self._scores(self.tokenize([""]))[0]

    @property
    def parameters(self) -> int:
        """Number of fitted weights and biases."""
        self._check_fitted()
        return self._weights["coefficients"].size + self._weights["intercept"].size

    def save(self, directory: str | PathLike[str]) -> Path:
        """Write weights (float32), features and settings into a directory, and return it.

        Raises:
            sklearn.exceptions.NotFittedError: The model was neither fitted nor loaded.
        """
        self._check_fitted()
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            name: values if name == "labels" else np.ascontiguousarray(values, np.float32)
            for name, values in self._weights.items()
        }
        save_file(weights, folder / _WEIGHTS)
        features = self._vectorizer.get_feature_names_out().tolist()
        config = {
            "num_labels": self.num_labels,
            "ngrams": self.ngrams,
            "C": self.C,
            "problem_type": self.problem.name,
        }
        (folder / _FEATURES).write_text(json.dumps(features, ensure_ascii=False), "utf-8")
        (folder / _CONFIG).write_text(json.dumps(config), "utf-8")
        return folder

    @classmethod
    def load(cls, directory: str | PathLike[str]) -> BagOfWords:
        """Read what `save` has written.

        Raises:
            FileNotFoundError: A file is missing.
        """
        folder = Path(directory)
        config = json.loads((folder / _CONFIG).read_text("utf-8"))
        kind = config.get("problem_type", SINGLE_LABEL)  # those saved before have none
        model = cls(config["num_labels"], tuple(config["ngrams"]), config["C"], kind)
        features = json.loads((folder / _FEATURES).read_text("utf-8"))
        model._vectorizer = model._new_vectorizer({name: i for i, name in enumerate(features)})
        model._vectorizer.fit([])
        model._weights = load_file(folder / _WEIGHTS)
        return model

    def _new_vectorizer(self, vocabulary: dict[str, int] | None) -> CountVectorizer:
        # token_pattern=None and lowercase=False: both are the tokenizer's business here.
        return CountVectorizer(
            tokenizer=_marked_words,
            token_pattern=None,
            lowercase=False,
            ngram_range=self.ngrams,
            vocabulary=vocabulary,
            max_features=_MOST_FEATURES if vocabulary is None else None,
        )

    def _scores(self, counts: csr_matrix) -> NDArray[np.float64]:
        """What `logits` gives, in float64."""
        self._check_fitted()
        found = counts @ self._weights["coefficients"].T + self._weights["intercept"]
        scores = np.full((counts.shape[0], self.num_labels), -np.inf)
        scores[:, self._weights["labels"]] = self._by_label(found.T).T
        return scores

    def _coefficients(self) -> NDArray[np.float64]:
        """Of every label that training has seen, `(labels, features)`."""
        return self._by_label(self._weights["coefficients"])

    def _by_label(self, values: NDArray) -> NDArray:
        """One row per label of training; of two labels scikit-learn has a single one."""
        if len(values) < len(self._weights["labels"]):
            return np.concatenate([-values / 2, values / 2])
        return values

    def _rows_of(self, labels: ArrayLike, texts: int) -> list[int]:
        """Where the labels stand among those of training."""
        self._check_fitted()
        labels, known = np.asarray(labels), self._weights["labels"].tolist()
        if labels.shape != (texts,) or not set(labels.tolist()) <= set(known):
            raise ValueError(
                f"labels are {np.unique(labels).tolist()} in shape {labels.shape} for {texts} "
                f"texts: give one of {known}, those of the training texts, for each"
            )
        return [known.index(label) for label in labels.tolist()]

    def _check_fitted(self) -> None:
        if not self._weights:
            raise NotFittedError("this bag of words is not fitted: call fit, or load a saved one")


@dataclass(frozen=True)
class BagOfWordsBaseline(Baseline):
    """A bag of words, fitted on the labelled training texts; it knows nothing of the teacher."""

    runtime = BagOfWords.runtime
    explains = True

    def depends_on(self, teacher: Teacher, data: DatasetDict) -> list[Any]:
        """The training texts and their labels."""
        train = data["train"]
        return [hash_texts(texts_of(train)), list(train[LABEL]), len(teacher.label_order)]

    def make(
        self,
        teacher: Teacher,
        data: DatasetDict,
        directory: Path,
        cache: Cache = without_cache,
    ) -> None:
        """Fit the model and save it; see `Baseline.make`."""
        fit_labelled(data["train"], len(teacher.label_order)).save(directory)

    @classmethod
    def load(cls, directory: str | PathLike[str], threads: int | None = None) -> BagOfWords:
        """Load a saved model; scikit-learn computes it on one thread."""
        return BagOfWords.load(directory)

    def describe(self, directory: str | PathLike[str]) -> dict[str, Any]:
        """Its settings."""
        return {"settings": json.loads((Path(directory) / _CONFIG).read_text("utf-8"))}

    def parameters(self, directory: str | PathLike[str]) -> int | None:
        """Number of fitted weights and biases."""
        return BagOfWords.load(directory).parameters


def fit_labelled(train: Dataset, num_labels: int) -> BagOfWords:
    """A bag of words, fitted on the texts of a split that have a label.

    Args:
        train: The training split.
        num_labels: Number of labels of the data.
    """
    problem = problem_type_of(train) or PROBLEM_TYPES[SINGLE_LABEL]
    labels = label_array(train, problem, num_labels)
    labelled = np.flatnonzero(problem.is_labelled(labels))
    texts = texts_of(train)
    model = BagOfWords(num_labels, problem_type=problem.name)
    return model.fit([texts[i] for i in labelled], labels[labelled])


register_baseline(BagOfWordsBaseline("bag_of_words", BagOfWords.name))
