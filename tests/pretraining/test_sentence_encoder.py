# SPDX-License-Identifier: Apache-2.0
"""A sentence encoder gives each text one vector, the same in whatever company it is read."""

import json
import shutil

import numpy as np
import pytest
import torch

from dixtill_hf.pretraining.sentence_encoder import SentenceEncoder


def test_a_vector_is_the_mean_of_the_tokens_states(encoder_dir, sentences):
    encoder = SentenceEncoder(encoder_dir)
    batch = encoder.tokenizer(sentences[0], return_tensors="pt")
    with torch.inference_mode():
        mean = encoder.model(**batch).last_hidden_state[0].mean(0)
    expected = (mean / mean.norm()).numpy()
    assert encoder.encode(sentences[:1])[0] == pytest.approx(expected, abs=2e-3)


def test_a_vector_does_not_depend_on_the_other_texts(encoder_dir, sentences):
    encoder = SentenceEncoder(encoder_dir)
    together = encoder.encode(sentences)
    each = np.concatenate([encoder.encode([text]) for text in sentences])
    assert together == pytest.approx(each, abs=2e-3)
    assert np.linalg.norm(together.astype(float), axis=1) == pytest.approx(1, abs=2e-3)


def test_the_pooling_of_a_directory_of_sentence_transformers_is_read(
    encoder_dir, tmp_path, sentences
):
    directory = shutil.copytree(encoder_dir, tmp_path / "encoder")
    file = directory / "1_Pooling" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    by_file = SentenceEncoder(directory).encode(sentences)
    assert np.array_equal(by_file, SentenceEncoder(encoder_dir, pooling="cls").encode(sentences))
    file.write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(ValueError, match="pooling_mode_max_tokens"):
        SentenceEncoder(directory)


def test_unknown_settings_are_refused(encoder_dir):
    with pytest.raises(ValueError, match="pooling"):
        SentenceEncoder(encoder_dir, pooling="sum")
    with pytest.raises(ValueError, match="precision"):
        SentenceEncoder(encoder_dir, precision="int4")


def test_the_fingerprint_tells_what_the_vectors_depend_on(encoder_dir, tmp_path):
    moved = shutil.copytree(encoder_dir, tmp_path / "moved")
    prints = [
        SentenceEncoder(encoder_dir).fingerprint,
        SentenceEncoder(encoder_dir, pooling="cls").fingerprint,
        SentenceEncoder(encoder_dir, precision="bfloat16").fingerprint,
        SentenceEncoder(encoder_dir, max_length=8).fingerprint,
    ]
    assert SentenceEncoder(moved).fingerprint == prints[0]
    assert len(set(prints)) == len(prints)
