# SPDX-License-Identifier: Apache-2.0
"""Files of word vectors in every format, and what is wrong with those that cannot be read."""

import gzip
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dixtill_hf.student.vector_files import open_vectors

WORDS = {
    "the": [9.0, 9.0, 9.0],
    "up": [1.0, -2.0, 0.5],
    ". .": [7.0, 7.0, 7.0],
    "café": [0.25, 4.0, -1.0],
}


def read(path: Path) -> dict[str, list[float]]:
    """All words with their vectors."""
    with open_vectors(path) as vectors:
        found = {word: vectors.vector(row) for word, row in vectors.rows}
    assert all(vector.dtype == "float32" for vector in found.values())
    assert all(vector.shape == (vectors.size,) for vector in found.values())
    return {word: vector.tolist() for word, vector in found.items()}


def text(words: Mapping[str, Sequence[float]], header: bool, end: str = "\n") -> bytes:
    lines = [f"{len(words)} 3"] * header
    lines += [" ".join([word, *map(str, values)]) for word, values in words.items()]
    return "".join(line + end for line in lines).encode()


def binary(words: Mapping[str, Sequence[float]], end: bytes = b"") -> bytes:
    rows = [
        word.encode() + b" " + struct.pack("<3f", *values) + end for word, values in words.items()
    ]
    return f"{len(words)} 3\n".encode() + b"".join(rows)


@pytest.mark.parametrize("header", [False, True], ids=["glove", "word2vec"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["", "byte order mark"])
def test_text(tmp_path: Path, header: bool, end: str, start: bytes) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(start + text(WORDS, header, end))
    assert read(path) == WORDS


@pytest.mark.parametrize("name", ["vectors.txt.gz", "vectors.vec"])
def test_compressed_text_whatever_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text(WORDS, header=True)))
    assert read(path) == WORDS


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("compressed", [False, True])
def test_binary(tmp_path: Path, end: bytes, compressed: bool) -> None:
    words = {word: values for word, values in WORDS.items() if " " not in word}
    path = tmp_path / ("vectors.bin" + ".gz" * compressed)
    content = binary(words, end)
    path.write_bytes(gzip.compress(content) if compressed else content)
    assert read(path) == words


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_safetensors(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "vectors.safetensors"
    vectors = torch.tensor(list(WORDS.values())).to(dtype)
    save_file({"vectors": vectors}, path, {"words": json.dumps(list(WORDS))})
    assert read(path) == WORDS


MANY = {f"w{number}": [1.0, 2.0, 3.0] for number in range(200)}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "line 1: expected a word and its values, or a header"),
        ("a.txt", b"the 1 2\nup 1\n", "line 2: expected a word and 2 values"),
        ("a.txt", b"the 1 2\n\nup 1 2\n", "line 2: expected a word and 2 values"),
        ("a.txt", b"3 2\nthe 1 2\nof 1\nup 1 2\n", "line 3: expected a word and 2 values"),
        ("a.txt", b"the 1 2\nup 1 x\n", "line 2: could not convert string to float"),
        ("a.txt", b"the 1 2\nup 1 nan\n", "line 2: expected finite numbers"),
        ("a.txt", b"3 2\nthe 1 2\nup 1 2\n", "holds 2 words, but its first line announces 3"),
        ("a.txt", "the 1 2\ncafé 1 2\n".encode("latin-1"), "1 of the 2 words .* not UTF-8.*iconv"),
        ("a.txt", "the 1 2\n".encode("utf-16"), "in UTF-16, not UTF-8: convert it with iconv"),
        ("a.gz", gzip.compress(text(MANY, True))[:300], "cut off or damaged"),
        ("a.bin", text(MANY, False), "not in word2vec's binary format"),
        ("a.bin", binary(MANY)[:-5], "holds 199 words, but its first line announces 200"),
        ("a.bin", b"2 3\nthe", "holds 0 words, but its first line announces 2"),
        ("a.bin", (793712314).to_bytes(4, "little") + bytes(100), r"fastText model.*\.vec file"),
    ],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read(path)
    assert str(path) in str(error.value)
    assert str(error.value).endswith(".")


def test_a_zip_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "glove.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("glove.txt", text(WORDS, header=False))
    with pytest.raises(ValueError, match=r"glove\.zip is a zip archive.*Unpack"):
        read(path)


def test_a_few_words_that_are_not_utf8_are_passed_by(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(text(MANY, header=False) + b"caf\xe9 1 2 3\n")
    assert read(path) == MANY


@pytest.mark.parametrize(
    ("tensors", "words", "message"),
    [
        ({"weights": torch.zeros(1, 3)}, ["up"], "must hold a tensor 'vectors'.*'weights'"),
        ({"vectors": torch.zeros(1, 3)}, None, "the metadata 'words'"),
        ({"vectors": torch.zeros(2, 3)}, ["up"], r"shape \(1, size\).*\(2, 3\)"),
        ({"vectors": torch.zeros(1)}, ["up"], r"shape \(1, size\)"),
    ],
)
def test_safetensors_that_do_not_fit(
    tmp_path: Path, tensors: dict[str, torch.Tensor], words: list[str] | None, message: str
) -> None:
    path = tmp_path / "vectors.safetensors"
    save_file(tensors, path, None if words is None else {"words": json.dumps(words)})
    with pytest.raises(ValueError, match=message):
        read(path)
