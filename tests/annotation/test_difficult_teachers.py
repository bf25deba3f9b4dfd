# SPDX-License-Identifier: Apache-2.0
"""Teachers that cannot be explained, or not by every explainer, are told apart at once."""

import warnings

import numpy as np
import pytest
import torch
from datasets import Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.data import columns
from dixtill_hf.explainers.base import known_explainers
from dixtill_hf.teacher.loading import Teacher, load_teacher


@pytest.fixture
def texts(sentences) -> Dataset:
    return Dataset.from_dict({"text": sentences[:3]})


@pytest.fixture
def quantised(tiny_teacher_dir) -> Teacher:
    """A teacher whose linear layers are int8, which have no gradients."""
    teacher = load_teacher(tiny_teacher_dir("bert"), device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch moves its quantisation to another package
        teacher.model = torch.ao.quantization.quantize_dynamic(teacher.model, {torch.nn.Linear})
    return teacher


GRADIENTS = sorted(name for name, cls in known_explainers().items() if cls.uses_gradients)


@pytest.mark.parametrize("name", GRADIENTS)
def test_a_quantised_teacher_has_no_gradients(name, quantised, texts, tmp_path):
    with pytest.raises(ValueError, match=r"gives no gradients .* quantised .*occlusion"):
        annotate(texts, quantised, name, cache_dir=tmp_path)


def test_a_quantised_teacher_is_explained_without_gradients(quantised, texts, tmp_path):
    annotated = annotate(texts, quantised, "occlusion", cache_dir=tmp_path)
    assert np.abs(annotated[0][columns.TEACHER_ATTRIBUTIONS]).sum() > 0


def test_a_teacher_that_goes_round_its_embeddings_is_refused(
    tiny_teacher_dir, texts, tmp_path, monkeypatch
):
    teacher = load_teacher(tiny_teacher_dir("bert"), device="cpu")
    other = torch.nn.Embedding(200, 16)
    monkeypatch.setattr(teacher.model, "get_input_embeddings", lambda: other)
    with pytest.raises(ValueError, match=r"does not call what its get_input_embeddings\(\)"):
        annotate(texts, teacher, cache_dir=tmp_path)


def test_a_tokenizer_without_offsets_is_refused(tiny_teacher_dir):
    class Slow:
        is_fast = False

    teacher = load_teacher(tiny_teacher_dir("bert"), device="cpu")
    with pytest.raises(ValueError, match=r"of 'mine', Slow, gives no character offsets.*fast"):
        Teacher(teacher.model, Slow(), range(3), "mine")
