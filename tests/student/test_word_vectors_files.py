# SPDX-License-Identifier: Apache-2.0
"""Files of word vectors in every format, and the line that an error names."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dixtill_hf.student.word_vectors import read_safetensors, read_text

WANTED = {"up", "café", "missing"}
VECTORS = {"up": [1.0, -2.0, 0.5], "café": [0.25, 4.0, -1.0]}


def assert_read(rows: dict[str, int], matrix: np.ndarray) -> None:
    assert matrix.dtype == np.float32
    assert {word: matrix[row].tolist() for word, row in rows.items()} == VECTORS


@pytest.mark.parametrize("header", ["", "4 3\n"], ids=["glove", "word2vec"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
def test_text_files(tmp_path: Path, header: str, end: str) -> None:
    lines = ["the 9 9 9", "up 1 -2 5e-1", ". . . 7 7 7", "café 0.25 4 -1"]
    path = tmp_path / "vectors.txt"
    path.write_bytes((header + "".join(line + end for line in lines)).encode())
    assert_read(*read_text(path, WANTED))


def test_the_first_of_equal_words_counts(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("up 1 2\nup 3 4\n")
    _, matrix = read_text(path, {"up"})
    assert matrix.tolist() == [[1, 2]]


def test_no_word_found(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("up 1 2\n")
    rows, matrix = read_text(path, {"down"})
    assert rows == {}
    assert matrix.shape == (0, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: expected a word and its values, or a header"),
        ("the 1 2\nup 1\n", "line 2: expected a word and 2 values"),
        ("the 1 2\n\nup 1 2\n", "line 2: expected a word and 2 values"),
        ("3 2\nthe 1 2\nof 1\nup 1 2\n", "line 3: expected a word and 2 values"),
        ("the 1 2\nup 1 x\n", "line 2: could not convert string to float"),
        ("the 1 2\nup 1 nan\n", "line 2: expected finite numbers"),
        ("3 2\nthe 1 2\nup 1 2\n", "holds 2 words, but its first line announces 3"),
    ],
)
def test_malformed_text_files(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_text(path, {"up"})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_safetensors(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "vectors.safetensors"
    vectors = torch.tensor([[9.0, 9.0, 9.0], VECTORS["up"], VECTORS["café"]]).to(dtype)
    save_file({"vectors": vectors}, path, {"words": json.dumps(["the", "up", "café"])})
    assert_read(*read_safetensors(path, WANTED))


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
        read_safetensors(path, WANTED)
