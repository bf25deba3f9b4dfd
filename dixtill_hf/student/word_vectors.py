# SPDX-License-Identifier: Apache-2.0
"""Pretrained word vectors for the student's embedding: what was loaded, and the matrix it makes."""

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from dixtill_hf.data.packaged import packaged_glove
from dixtill_hf.student.tokenization import PAD_TOKEN, SPECIAL_TOKENS


def read_text(path: Path, wanted: Collection[str]) -> tuple[dict[str, int], np.ndarray]:
    """Read a text file of one word and its values a line, parted by spaces.

    A first line of two integers is word2vec's header: the number of words and of dimensions.
    Words may hold spaces, as some of GloVe's do. The first of several equal words counts.

    Args:
        path: The file, in UTF-8.
        wanted: The words to keep.

    Returns:
        The row of each word that was found, and the vectors, float32 (found words, size).

    Raises:
        ValueError: If a line has too few values or one that is no finite number, or the file
            does not hold as many words as its header says.
    """
    names = {word.encode(): word for word in wanted}
    rows: dict[str, int] = {}
    vectors: list[np.ndarray] = []
    with path.open("rb") as file:
        size, announced, lines = _vector_lines(path, file)
        read = 0
        for number, line in lines:
            read += 1
            fields = line.rstrip().split(b" ") if line.count(b" ") >= size else []
            if len(fields) <= size:
                raise _malformed(path, number, f"expected a word and {size} values")
            name = names.get(b" ".join(fields[:-size]))
            if name is not None and name not in rows:
                rows[name] = len(vectors)
                vectors.append(_numbers(path, number, fields[-size:]))
    if announced is not None and read != announced:
        raise ValueError(
            f"{path} holds {read} words, but its first line announces {announced}: the file may "
            "be cut off. Fetch it again."
        )
    return rows, np.array(vectors, dtype=np.float32).reshape(len(vectors), size)


def read_safetensors(path: Path, wanted: Collection[str]) -> tuple[dict[str, int], np.ndarray]:
    """Read a tensor `vectors` (words, size) whose words are in the metadata under `words`.

    Args:
        path: The file. Its metadata holds the words as a JSON list of strings.
        wanted: The words to keep.

    Returns:
        The row of each word that was found, and the vectors, float32 (found words, size).

    Raises:
        ValueError: If the tensor or the words are missing, or they do not fit each other.
    """
    words = words_of_safetensors(path)
    with safe_open(path, framework="pt") as file:
        vectors = file.get_tensor("vectors")
    if vectors.dim() != 2 or len(vectors) != len(words):
        raise ValueError(
            f"{path}: 'vectors' must have the shape ({len(words)}, size), one row a word, got "
            f"{tuple(vectors.shape)}."
        )
    found = {word: row for row, word in enumerate(words) if word in wanted}
    matrix = vectors[list(found.values())].float().numpy()
    return {word: row for row, word in enumerate(found)}, matrix


def words_of_text(path: Path) -> Iterator[str]:
    """The words of a text file, in its order."""
    with path.open("rb") as file:
        size, _, lines = _vector_lines(path, file)
        for _, line in lines:
            yield b" ".join(line.rstrip().split(b" ")[:-size]).decode(errors="replace")


def words_of_safetensors(path: Path) -> list[str]:
    """The words of a safetensors file, in its order.

    Raises:
        ValueError: If the tensor or the words are missing.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if "vectors" not in file.keys() or "words" not in metadata:  # noqa: SIM118
            raise ValueError(
                f"{path} must hold a tensor 'vectors' and the metadata 'words', a JSON list; it "
                f"holds the tensors {sorted(file.keys())} and the metadata {sorted(metadata)}."
            )
        return json.loads(metadata["words"])


def _vector_lines(
    path: Path, file: Iterator[bytes]
) -> tuple[int, int | None, Iterator[tuple[int, bytes]]]:
    """Return the dimensions, the number of words if announced, and the numbered lines."""
    lines = enumerate(file, start=1)
    number, first = next(lines, (1, b""))
    fields = first.split()
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return int(fields[1]), int(fields[0]), lines
    if len(fields) < 2:
        raise _malformed(path, number, "expected a word and its values, or a header")
    return len(fields) - 1, None, chain([(number, first)], lines)


def _numbers(path: Path, number: int, fields: list[bytes]) -> np.ndarray:
    try:
        values = np.array([float(field) for field in fields], dtype=np.float32)
    except ValueError as error:
        raise _malformed(path, number, str(error)) from error
    if not np.isfinite(values).all():
        raise _malformed(path, number, "expected finite numbers")
    return values


def _malformed(path: Path, number: int, reason: str) -> ValueError:
    return ValueError(f"{path}, line {number}: {reason}. Correct the line or remove it.")


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

    Args:
        source: One of

            - `"glove-packaged"`: GloVe 6B, 50 dimensions, of the extra `embedded`
            - a text file of one word and its values a line, with word2vec's header line (number
              of words, dimensions) or, as GloVe has it, without
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
    """
    if source == NO_VECTORS or count == 0:
        return []
    if source == PACKAGED_GLOVE:
        return packaged_glove()[0][:count]
    path = _existing(source)
    words = (words_of_safetensors if path.suffix == ".safetensors" else words_of_text)(path)
    return list(islice(words, count))


def _read(
    source: str | Path, wanted: set[str], random_size: int
) -> tuple[dict[str, int], np.ndarray]:
    """Return the row of each word found and the matrix of these rows."""
    if source == NO_VECTORS:
        return {}, np.empty((0, random_size), dtype=np.float32)
    if source == PACKAGED_GLOVE:
        words, matrix = packaged_glove()
        found = {word: row for row, word in enumerate(words) if word in wanted}
        return {word: i for i, word in enumerate(found)}, matrix[list(found.values())]
    path = _existing(source)
    return (read_safetensors if path.suffix == ".safetensors" else read_text)(path, wanted)


def _existing(source: str | Path) -> Path:
    path = Path(source)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no file of word vectors at {str(source)!r}. Give {PACKAGED_GLOVE!r}, the "
            f"path of a GloVe or word2vec text file or of a .safetensors file, or {NO_VECTORS!r}."
        )
    return path
