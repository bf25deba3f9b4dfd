# SPDX-License-Identifier: Apache-2.0
"""Reads files of word vectors line by line, keeping only the words that are wanted."""

import json
from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from safetensors import safe_open


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
    """Read a tensor `vectors` (words, size) whose words stand in the metadata under `words`.

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
