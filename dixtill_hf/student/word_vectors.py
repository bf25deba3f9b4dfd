# SPDX-License-Identifier: Apache-2.0
"""Pretrained word vectors for the student's embedding: what was loaded, and the matrix it makes."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dixtill_hf.data.packaged import packaged_glove
from dixtill_hf.data.words import normalize_word
from dixtill_hf.student.tokenization import PAD_TOKEN, SPECIAL_TOKENS
from dixtill_hf.student.vector_files import VectorRows, open_vectors

PACKAGED_GLOVE = "glove-packaged"
NO_VECTORS = "none"
DEFAULT_SIZE = 50
_LOW_COVERAGE = 0.3
DEFAULT_SPREAD = 0.1  # that of an embedding which the model draws itself

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WordVectors:
    """The vectors that a source has for some words.

    Attributes:
        rows: The row in `matrix` of each word that was found.
        matrix: The vectors, float32 (found words, size).
        wanted: How many words were looked for, special tokens not counted.
    """

    rows: dict[str, int]
    matrix: np.ndarray
    wanted: int

    @property
    def size(self) -> int:
        """Dimensions of a vector."""
        return self.matrix.shape[1]

    @property
    def coverage(self) -> float:
        """Share of the words looked for that were found; 0 if there were none."""
        return len(self.rows) / self.wanted if self.wanted else 0.0

    def embedding_matrix(self, vocabulary: Mapping[str, int], seed: int) -> torch.Tensor:
        """Return the weights of an embedding, float32 (ids, size).

        A word without a vector gets a random one, normal in each dimension with the mean and
        standard deviation of the vectors found. The row of the padding token is 0.

        Args:
            vocabulary: The id of each word, as of `tokenizer.get_vocab()`.
            seed: Seed of the random vectors. The same id gets the same draw, whatever was found.
        """
        mean, spread = np.zeros(self.size), np.full(self.size, DEFAULT_SPREAD)
        if len(self.rows) > 1:
            mean, spread = self.matrix.mean(axis=0), self.matrix.std(axis=0)
        draws = np.random.default_rng(seed).standard_normal(
            (max(vocabulary.values()) + 1, self.size)
        )
        weights = (mean + spread * draws).astype(np.float32)
        for word, word_id in vocabulary.items():
            if word in self.rows:
                weights[word_id] = self.matrix[self.rows[word]]
        if PAD_TOKEN in vocabulary:
            weights[vocabulary[PAD_TOKEN]] = 0
        return torch.from_numpy(weights)


def load_word_vectors(
    source: str | Path, words: Iterable[str], size: int | None = None
) -> WordVectors:
    """Load the vectors of the given words, and of no others.

    A word has the vector of the same word in the source; if there is none, that of the first word
    whose normalised form it is, as `haus` of `Haus`. The first of several equal words counts.

    Args:
        source: One of

            - `"glove-packaged"`: GloVe 6B, 50 dimensions, of the extra `embedded`
            - a text file of one word and its values a line, with word2vec's header line (number
              of words, dimensions) or, as GloVe has it, without; compressed with gzip or not
            - a `.bin` file in word2vec's binary format, compressed with gzip or not
            - a `.safetensors` file: a tensor `vectors` (words, size), and in the metadata under
              `words` a JSON list of the words of its rows
            - `"none"`: no vectors; every word will get a random one.
        words: The words to look for, as the vocabulary has them. Special tokens are not
            looked for.
        size: Dimensions of the vectors. Vectors with more dimensions are reduced to their first
            principal components. Default: those of the source, or 50 for "none".

    Raises:
        FileNotFoundError: If `source` is no file.
        ImportError: If the packaged GloVe is not installed.
        ValueError: If `size` is below 1 or above the dimensions of the source, or the file is
            malformed.
    """
    if size is not None and size < 1:
        raise ValueError(f"The size of word vectors must be at least 1, got {size}.")
    wanted = set(words) - set(SPECIAL_TOKENS)
    rows, matrix = _read(source, wanted, DEFAULT_SIZE if size is None else size)
    own = matrix.shape[1]
    if size is not None and size > own:
        raise ValueError(
            f"The word vectors of {source} have {own} dimensions, and {size} cannot be made of "
            f"them: set embedding_size to {own} or less, or choose other vectors."
        )
    if size is not None and size < own:
        matrix = principal_components(matrix, size)
    vectors = WordVectors(rows, matrix, len(wanted))
    few = source != NO_VECTORS and vectors.coverage < _LOW_COVERAGE
    logger.log(
        logging.WARNING if few else logging.INFO,
        "%s: vectors for %d of %d words (%.1f %%)%s",
        source,
        len(rows),
        len(wanted),
        100 * vectors.coverage,
        ". Are they of the language of the texts? Without vectors, words start at random." * few,
    )
    return vectors


def principal_components(vectors: np.ndarray, size: int) -> np.ndarray:
    """The first principal components of vectors, the largest first.

    Args:
        vectors: `(words, dims)`.
        size: How many, at most `dims`.

    Returns:
        float32 `(words, size)`, each with mean 0.
    """
    if not len(vectors):
        return np.empty((0, size), np.float32)
    centred = vectors - vectors.mean(0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    return np.ascontiguousarray(centred @ directions[:, ::-1][:, :size], np.float32)


def frequent_words(source: str | Path, count: int) -> list[str]:
    """The first words that a source has vectors for: its most frequent, as such files are ordered.

    Args:
        source: As for `load_word_vectors`; "none" has no words.
        count: How many, at most.

    Returns:
        The words as a student's tokenizer normalises them, each once.
    """
    if count == 0:
        return []
    with _opened(source, DEFAULT_SIZE) as vectors:
        names = (normalize_word(word) for word, _ in vectors.rows)
        stable = (name for name in names if name and normalize_word(name) == name)
        words: dict[str, None] = {}
        for name in stable:
            words[name] = None
            if len(words) == count:
                break
        return list(words)


def _read(source: str | Path, wanted: set[str], size: int) -> tuple[dict[str, int], np.ndarray]:
    """Return the row of each word found and the matrix of these rows."""
    same: dict[str, np.ndarray] = {}
    normalised: dict[str, np.ndarray] = {}
    with _opened(source, size) as vectors:
        for word, row in vectors.rows:
            if word in wanted:
                if word not in same:
                    same[word] = vectors.vector(row)
                continue
            name = normalize_word(word)
            if name in wanted and name not in same and name not in normalised:
                normalised[name] = vectors.vector(row)
        found = {**normalised, **same}
        rows = {word: place for place, word in enumerate(found)}
        matrix = np.array(list(found.values()), dtype=np.float32)
        return rows, matrix.reshape(len(found), vectors.size)


@contextmanager
def _opened(source: str | Path, size: int) -> Iterator[VectorRows]:
    """The rows of a source; none, of this size, of "none"."""
    if source == NO_VECTORS:
        yield VectorRows(size, iter(()), np.asarray)
        return
    if source == PACKAGED_GLOVE:
        words, matrix = packaged_glove()
        rows = ((word, row) for row, word in enumerate(words))
        yield VectorRows(matrix.shape[1], rows, matrix.__getitem__)
        return
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file of word vectors at {str(source)!r}. Give {PACKAGED_GLOVE!r}, the "
            f"path of a GloVe or word2vec file or of a .safetensors file, or {NO_VECTORS!r}."
        )
    with open_vectors(path) as vectors:
        yield vectors
