# SPDX-License-Identifier: Apache-2.0
"""Files of word vectors: GloVe and word2vec text, word2vec binary, and safetensors."""

import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from safetensors import safe_open

_GZIP, _BYTE_ORDER_MARK = b"\x1f\x8b", b"\xef\xbb\xbf"
_FASTTEXT = (793712314).to_bytes(4, "little")
_LONGEST_HEADER = 64
# Some files of millions of words hold a few that are not UTF-8.
_MOST_UNREADABLE = 0.01


@dataclass(frozen=True)
class VectorRows:
    """The rows of a file of word vectors.

    Attributes:
        size: Dimensions of a vector.
        rows: Each word in the order of the file, with what `vector` makes its vector of. The file
            is read as they are asked for; those that are left out cost little.
        vector: Makes a vector, float32 `(size,)`, of what a row holds.
    """

    size: int
    rows: Iterator[tuple[str, Any]]
    vector: Callable[[Any], np.ndarray]


@contextmanager
def open_vectors(path: Path) -> Iterator[VectorRows]:
    """Open a file of word vectors, compressed with gzip or not.

    Formats: `.safetensors`, a tensor `vectors` (words, size) whose words are in the metadata under
    `words`, a JSON list; `.bin`, word2vec's binary format; any other suffix, text in UTF-8 of one
    word and its values a line, parted by spaces. A first line of two integers is word2vec's
    header: the number of words and of dimensions. Words may hold spaces, as some of GloVe's do.

    Args:
        path: The file.

    Raises:
        ValueError: The file is of another format, in another encoding than UTF-8, cut off, or a
            line has too few values or one that is no finite number. Also raised while its rows
            are read.
    """
    if path.suffix == ".safetensors":
        yield _safetensors_rows(path)
        return
    _refuse_other_formats(path)
    with path.open("rb") as raw:
        compressed = raw.read(len(_GZIP)) == _GZIP
        raw.seek(0)
        file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if compressed else raw
        is_binary = ".bin" in path.suffixes
        try:
            yield _binary_rows(path, file) if is_binary else _text_rows(path, file)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is cut off or damaged: {error}. Fetch it again.") from error


def _refuse_other_formats(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is a zip archive (or a model of PyTorch or NumPy). Unpack the text file of "
            "vectors from it, and give that."
        )
    if start == _FASTTEXT:
        raise ValueError(
            f"{path} is a fastText model. Give the .vec file that comes with it, or write one: a "
            "word and its values a line."
        )
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError(
            f"{path} is in UTF-16, not UTF-8: convert it with iconv -f UTF-16 -t UTF-8 OLD > NEW."
        )


def _safetensors_rows(path: Path) -> VectorRows:
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if "vectors" not in file.keys() or "words" not in metadata:  # noqa: SIM118
            raise ValueError(
                f"{path} must hold a tensor 'vectors' and the metadata 'words', a JSON list; it "
                f"holds the tensors {sorted(file.keys())} and the metadata {sorted(metadata)}."
            )
        words, vectors = json.loads(metadata["words"]), file.get_tensor("vectors")
    if vectors.dim() != 2 or len(vectors) != len(words):
        raise ValueError(
            f"{path}: 'vectors' must have the shape ({len(words)}, size), one row a word, got "
            f"{tuple(vectors.shape)}."
        )
    rows = ((word, row) for row, word in enumerate(words))
    return VectorRows(vectors.shape[1], rows, lambda row: vectors[row].float().numpy())


def _binary_rows(path: Path, file: BinaryIO) -> VectorRows:
    """word2vec's binary format: a header, then words that end in a space, each with its floats."""
    match = re.fullmatch(rb"(\d+) (\d+)\s*", file.readline(_LONGEST_HEADER))
    if match is None:
        raise ValueError(
            f"{path} is not in word2vec's binary format: its first line must be the number of "
            "words and of dimensions. Give a text file of vectors instead."
        )
    count, size = int(match[1]), int(match[2])

    def rows() -> Iterator[tuple[str, bytes]]:
        unreadable = _Unreadable(path)
        for number in range(count):
            word = bytearray()
            while (character := file.read(1)) != b" ":
                if not character:
                    raise _cut_off(path, number, count)
                if character != b"\n":
                    word += character
            values = file.read(4 * size)
            if len(values) < 4 * size:
                raise _cut_off(path, number, count)
            yield from ((name, values) for name in unreadable.decoded(bytes(word)))
        unreadable.check(count)

    return VectorRows(size, rows(), lambda values: np.frombuffer(values, "<f4"))


def _cut_off(path: Path, found: int, announced: int) -> ValueError:
    return ValueError(
        f"{path} holds {found} words, but its first line announces {announced}: the file may be "
        "cut off. Fetch it again."
    )


def _text_rows(path: Path, file: BinaryIO) -> VectorRows:
    size, announced, lines = _vector_lines(path, file)

    def rows() -> Iterator[tuple[str, tuple[int, list[bytes]]]]:
        read = 0
        unreadable = _Unreadable(path)
        for number, line in lines:
            read += 1
            fields = line.rstrip().split(b" ") if line.count(b" ") >= size else []
            if len(fields) <= size:
                raise _malformed(path, number, f"expected a word and {size} values")
            word = b" ".join(fields[:-size])
            yield from ((name, (number, fields[-size:])) for name in unreadable.decoded(word))
        if announced is not None and read != announced:
            raise _cut_off(path, read, announced)
        unreadable.check(read)

    return VectorRows(size, rows(), lambda row: _numbers(path, *row))


def _vector_lines(
    path: Path, file: BinaryIO
) -> tuple[int, int | None, Iterator[tuple[int, bytes]]]:
    """Return the dimensions, the number of words if announced, and the numbered lines."""
    lines = enumerate(file, start=1)
    number, first = next(lines, (1, b""))
    first = first.removeprefix(_BYTE_ORDER_MARK)
    fields = first.split()
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return int(fields[1]), int(fields[0]), lines
    if len(fields) < 2:
        raise _malformed(path, number, "expected a word and its values, or a header")
    return len(fields) - 1, None, chain([(number, first)], lines)


class _Unreadable:
    """Counts words that are not UTF-8, and refuses a file with many of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0

    def decoded(self, word: bytes) -> list[str]:
        """The word, or nothing if it cannot be read."""
        try:
            return [word.decode()]
        except UnicodeDecodeError:
            self._count += 1
            return []

    def check(self, words: int) -> None:
        """Refuse the file if too many of its words could not be read."""
        if self._count > _MOST_UNREADABLE * words:
            raise ValueError(
                f"{self._count} of the {words} words in {self._path} are not UTF-8. If the file is "
                "in Latin-1, convert it with iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW."
            )


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
