# SPDX-License-Identifier: Apache-2.0
"""Word vectors: where they come from, and the embedding that they make."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dixtill_hf.student import word_vectors
from dixtill_hf.student.word_vectors import WordVectors, frequent_words, load_word_vectors

VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "up": 2, "down": 3, "new": 4}
VECTORS = {"up": [1.0, 2.0], "down": [3.0, -2.0]}


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "glove.txt"
    path.write_text("the 9 9\nup 1 2\ndown 3 -2\n[UNK] 5 5\n")
    return path


@pytest.fixture
def safetensors_file(tmp_path: Path) -> Path:
    path = tmp_path / "glove.safetensors"
    vectors = torch.tensor([[9.0, 9.0], *VECTORS.values()])
    save_file({"vectors": vectors}, path, {"words": json.dumps(["the", "up", "down"])})
    return path


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch) -> str:
    matrix = np.array([[9, 9], *VECTORS.values()], dtype=np.float32)
    monkeypatch.setattr(word_vectors, "packaged_glove", lambda: (["the", "up", "down"], matrix))
    return "glove-packaged"


@pytest.mark.parametrize("source", ["text_file", "safetensors_file", "packaged"])
def test_sources(source: str, request: pytest.FixtureRequest) -> None:
    vectors = load_word_vectors(request.getfixturevalue(source), VOCABULARY)
    assert vectors.coverage == pytest.approx(2 / 3)  # up and down of up, down and new
    matrix = vectors.embedding_matrix(VOCABULARY, seed=0)
    assert matrix.dtype == torch.float32
    assert matrix[[0, 2, 3]].tolist() == [[0, 0], *VECTORS.values()]


def test_coverage_is_logged(text_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=word_vectors.__name__):
        load_word_vectors(text_file, VOCABULARY)
    assert "vectors for 2 of 3 words (66.7 %)" in caplog.text


@pytest.mark.parametrize(("words", "told"), [(["up", "new"], False), (["up", *"abcd"], True)])
def test_vectors_of_few_words_are_a_warning(
    text_file: Path, caplog: pytest.LogCaptureFixture, words: list[str], told: bool
) -> None:
    load_word_vectors(text_file, words)
    assert ("Are they of the language of the texts?" in caplog.text) == told


def test_other_words_get_vectors_of_the_same_spread() -> None:
    known = np.random.default_rng(1).normal([3, -1], [0.2, 2.0], (500, 2)).astype(np.float32)
    rows = {f"known{i}": i for i in range(500)}
    vocabulary = {f"word{i}": i for i in range(20_000)}
    matrix = WordVectors(rows, known, 500).embedding_matrix(vocabulary, seed=0).numpy()
    np.testing.assert_allclose(matrix.mean(axis=0), known.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(matrix.std(axis=0), known.std(axis=0), rtol=0.02)


def test_random_vectors_depend_on_the_seed_and_the_id_alone(text_file: Path) -> None:
    vectors = load_word_vectors(text_file, VOCABULARY)
    matrix = vectors.embedding_matrix(VOCABULARY, seed=3)
    assert torch.equal(matrix, vectors.embedding_matrix(VOCABULARY, seed=3))
    assert not torch.equal(matrix[4], vectors.embedding_matrix(VOCABULARY, seed=4)[4])
    larger = vectors.embedding_matrix(VOCABULARY | {"more": 5}, seed=3)
    assert torch.equal(larger[:5], matrix)


@pytest.mark.parametrize(("given", "size"), [(None, 50), (7, 7)])
def test_without_a_source_all_vectors_are_random(given: int | None, size: int) -> None:
    vectors = load_word_vectors("none", VOCABULARY, size=given)
    matrix = vectors.embedding_matrix(VOCABULARY, seed=0)
    assert vectors.coverage == 0
    assert matrix.shape == (5, size)
    assert (matrix[0] == 0).all()
    assert (matrix[1:] != 0).all()


@pytest.mark.parametrize("source", ["text_file", "safetensors_file", "packaged"])
def test_the_first_words_of_a_source(source: str, request: pytest.FixtureRequest) -> None:
    given = request.getfixturevalue(source)
    all_words = frequent_words(given, 100)
    assert set(load_word_vectors(given, VOCABULARY).rows) <= set(all_words)
    assert frequent_words(given, 1) == all_words[:1]
    assert frequent_words(given, 0) == frequent_words("none", 3) == []


def test_fewer_dimensions_keep_the_distances_as_well_as_they_can(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    plane = generator.normal(size=(40, 2)) @ generator.normal(size=(2, 6)) + 3.0
    words = [f"word{row}" for row in range(40)]
    path = tmp_path / "plane.safetensors"
    save_file({"vectors": torch.tensor(plane)}, path, {"words": json.dumps(words)})
    reduced = load_word_vectors(path, words, size=2)
    assert (reduced.size, reduced.coverage) == (2, 1)
    np.testing.assert_allclose(_distances(reduced.matrix), _distances(plane), rtol=1e-5)
    (largest,) = load_word_vectors(path, words, size=1).matrix.T
    np.testing.assert_allclose(largest.var(), np.linalg.eigvalsh(np.cov(plane.T, ddof=0))[-1])


def _distances(points: np.ndarray) -> np.ndarray:
    """Of the first point to all others."""
    return np.linalg.norm(points[1:] - points[0], axis=1)


def test_of_no_vectors_fewer_dimensions_are_none(text_file: Path) -> None:
    vectors = load_word_vectors(text_file, {"[UNK]": 0, "new": 1}, size=1)
    assert (vectors.size, vectors.coverage) == (1, 0)


@pytest.mark.parametrize(
    ("size", "message"),
    [(3, "have 2 dimensions, and 3 cannot be made of them"), (0, "at least 1, got 0")],
)
def test_other_dimensions_are_refused(text_file: Path, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_word_vectors(text_file, VOCABULARY, size=size)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"at 'glove-packed'\. Give 'glove-packaged'"):
        load_word_vectors("glove-packed", VOCABULARY)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["Haus 1 2"], {"haus": [1, 2]}),
        (["Haus 1 2", "haus 3 4"], {"haus": [3, 4]}),
        (["haus 3 4", "Haus 1 2"], {"haus": [3, 4]}),
        (["HAUS 5 6", "Haus 1 2"], {"haus": [5, 6]}),
        (["haus 1 2", "haus 3 4"], {"haus": [1, 2]}),
        (["\u03b4\u03b9\u03c2 1 2"], {"\u03b4\u03b9\u03c3": [1, 2]}),
        (["İstanbul 1 2"], {"istanbul": [1, 2]}),
        (["cafe\u0301 1 2"], {"café": [1, 2]}),
        (["IT 1 2", "it 3 4"], {"it": [3, 4], "IT": [1, 2]}),
        (["other 1 2"], {}),
    ],
)
def test_a_capitalised_word_serves_its_small_form_if_that_has_no_vector(
    tmp_path: Path, lines: list[str], found: dict[str, list[float]]
) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    words = [
        "haus",
        "\u03b4\u03b9\u03c3",
        "istanbul",
        "café",
        "it",
        *(["IT"] * ("IT" in found)),
    ]
    vectors = load_word_vectors(path, words)
    assert {word: vectors.matrix[row].tolist() for word, row in vectors.rows.items()} == found
    assert vectors.size == 2


def test_frequent_words_are_those_that_a_student_reads(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("Der 1\nder 1\nHaus 1\n\u03b4\u03b9\u03c2 1\n", encoding="utf-8")
    assert frequent_words(path, 3) == ["der", "haus", "\u03b4\u03b9\u03c3"]
    assert frequent_words(path, 1) == ["der"]
