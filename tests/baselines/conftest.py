# SPDX-License-Identifier: Apache-2.0
"""A tiny teacher, its int8 forms, and what holds of them in every runtime."""

import subprocess
import sys

import numpy as np
import pytest

from dixtill_hf.baselines.quantization import compress_teacher
from dixtill_hf.teacher.loading import load_teacher

# Not the order of the tiny teachers' logits: bearish, bullish, neutral.
DATA_LABELS = ["neutral", "bearish", "bullish"]


@pytest.fixture(scope="module")
def bert(tiny_teacher_dir):
    return load_teacher(tiny_teacher_dir("bert"), label_names=DATA_LABELS)


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


def check_equal(classifier, teacher, sentences):
    """A classifier in float32 answers as the teacher does, alone, in batches and padded."""
    for texts in (sentences, sentences[:1], [" ".join(sentences), "up", ""]):
        actual = classifier.logits(classifier.tokenize(texts))
        np.testing.assert_allclose(actual, teacher_logits(teacher, texts), rtol=0, atol=1e-5)


def check_near_but_not_equal(classifier, teacher, sentences):
    """A classifier in int8 answers nearly as the teacher does."""
    actual = classifier.logits(classifier.tokenize(sentences))
    expected = teacher_logits(teacher, sentences)
    assert np.corrcoef(actual.ravel(), expected.ravel())[0, 1] > 0.95
    assert not np.allclose(actual, expected, rtol=0, atol=1e-5)


def check_it_predicts_without_torch(directory):
    """What was saved needs neither torch nor transformers to predict."""
    program = f"""
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
from dixtill_hf.baselines.quantization import load_compressed
classifier = load_compressed({str(directory)!r}, threads=1)
print(classifier.logits(classifier.tokenize(["Shares fell", "up"])).shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(2, 3)"
