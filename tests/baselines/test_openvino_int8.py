# SPDX-License-Identifier: Apache-2.0
"""Teachers through OpenVINO: in float32 they are the teacher, in int8 they are near it."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("openvino", reason="needs the extra openvino")
pytest.importorskip("optimum.intel", reason="needs the extra openvino")

from dixtill_hf.baselines.base import read_settings
from dixtill_hf.baselines.quantization import compress_teacher, load_compressed
from dixtill_hf.evaluation.efficiency import directory_bytes
from dixtill_hf.teacher.loading import load_teacher

INT8 = ["openvino-int8", "openvino-int8-static"]


@pytest.fixture(scope="module")
def bert(tiny_teacher_dir):
    # Not the order of the tiny teachers' logits: bearish, bullish, neutral.
    return load_teacher(tiny_teacher_dir("bert"), label_names=["neutral", "bearish", "bullish"])


@pytest.fixture(scope="module")
def compressed(bert, sentences, tmp_path_factory):
    """A function from a method to the directory of the tiny BERT compressed by it."""
    directory = tmp_path_factory.mktemp("compressed")

    def compress(method):
        if not (directory / method).exists():
            compress_teacher(bert, method, directory / method, calibration_texts=sentences)
        return directory / method

    return compress


def teacher_logits(teacher, texts):
    inputs = teacher.tokenizer(
        texts, truncation=True, max_length=teacher.max_length, padding=True, return_tensors="pt"
    )
    return teacher.logits(inputs).numpy()


def test_float32_is_the_teacher(compressed, bert, sentences):
    classifier = load_compressed(compressed("openvino"), threads=1)
    assert (classifier.name, classifier.runtime) == ("teacher", "openvino")
    for texts in (sentences, sentences[:1], [" ".join(sentences), "up", ""]):
        actual = classifier.logits(classifier.tokenize(texts))
        np.testing.assert_allclose(actual, teacher_logits(bert, texts), rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", INT8)
def test_int8_is_near_the_teacher_and_not_it(compressed, bert, sentences, method):
    classifier = load_compressed(compressed(method))
    actual = classifier.logits(classifier.tokenize(sentences))
    expected = teacher_logits(bert, sentences)
    assert np.corrcoef(actual.ravel(), expected.ravel())[0, 1] > 0.95
    assert not np.allclose(actual, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", INT8)
def test_int8_weights_take_less_room(compressed, method):
    weights, small = (
        (compressed(name) / "openvino_model.bin").stat().st_size for name in ("openvino", method)
    )
    assert small < weights / 2
    assert directory_bytes(compressed(method)) > small


def test_the_directory_says_how_it_was_made(compressed, sentences):
    settings = read_settings(compressed("openvino-int8-static"))
    assert (settings["backend"], settings["scheme"]) == ("openvino", "static")
    assert settings["settings"]["calibration_texts"] == len(sentences)
    assert {"openvino", "nncf", "optimum-intel"} <= set(settings["versions"])


def test_threads_are_at_least_one(compressed):
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        load_compressed(compressed("openvino"), threads=0)


def test_predicting_needs_neither_torch_nor_transformers(compressed):
    program = f"""
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
from dixtill_hf.baselines.quantization import load_compressed
classifier = load_compressed({str(compressed("openvino-int8"))!r}, threads=1)
print(classifier.logits(classifier.tokenize(["Shares fell", "up"])).shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(2, 3)"
