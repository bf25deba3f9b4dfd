# SPDX-License-Identifier: Apache-2.0
"""The vectors of a corpus are computed once, and read by position."""

import numpy as np
import pytest

from dixtill_hf.pretraining import vector_store
from dixtill_hf.pretraining.sentence_encoder import SentenceEncoder
from dixtill_hf.pretraining.vector_store import encode_corpus


class CountingEncoder(SentenceEncoder):
    """Remembers how many texts it has read."""

    read = 0

    def encode(self, texts):
        self.read += len(texts)
        return super().encode(texts)


@pytest.fixture
def encoder(encoder_dir, monkeypatch) -> CountingEncoder:
    monkeypatch.setattr(vector_store, "TEXTS_PER_SHARD", 5)
    return CountingEncoder(encoder_dir)


def test_rows_are_those_of_the_encoder_in_any_order(encoder, sentences, tmp_path):
    vectors = encode_corpus(sentences, encoder, tmp_path)
    rows = [7, 0, 11, 4, 5]
    expected = encoder.encode(sentences)[rows]
    assert vectors[rows] == pytest.approx(expected.astype(np.float32), abs=2e-3)
    assert (len(vectors), vectors.size) == (12, 16)


def test_what_is_there_is_not_computed_again(encoder, sentences, tmp_path):
    encode_corpus(sentences[:10], encoder, tmp_path)
    assert encoder.read == 10
    encode_corpus(sentences, encoder, tmp_path)
    assert encoder.read == 12


def test_an_interrupted_call_goes_on(encoder, sentences, tmp_path, monkeypatch):
    whole = encode_corpus(sentences, encoder, tmp_path)
    whole.paths[1].unlink()
    encoder.read = 0
    again = encode_corpus(sentences, encoder, tmp_path)
    assert encoder.read == 5
    assert again.paths == whole.paths
    assert not list(tmp_path.glob("*.tmp"))


def test_no_texts_are_refused(encoder, tmp_path):
    with pytest.raises(ValueError, match="no texts"):
        encode_corpus([], encoder, tmp_path)
