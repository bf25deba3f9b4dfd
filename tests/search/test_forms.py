# SPDX-License-Identifier: Apache-2.0
"""Forms run and give the student's logits; operations are those of a text, counted by hand."""

import numpy as np
import pytest
import torch

from dixtill_hf.export.device_student import make_device_student
from dixtill_hf.search import forms
from dixtill_hf.search.forms import check_runtime, forms_of, multiply_adds
from dixtill_hf.search.measuring import mean_words
from dixtill_hf.student.configuration_dixtill import CELLS, DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.student import Student
from dixtill_hf.student.tokenization import train_word_tokenizer


@pytest.fixture
def student(sentences):
    return untrained(sentences, "lstm")


def untrained(sentences, cell):
    torch.manual_seed(0)
    tokenizer = train_word_tokenizer(sentences)
    config = DixtillConfig(
        len(tokenizer), embedding_size=10, hidden_size=6, num_labels=3, cell=cell
    )
    return Student(DixtillForSequenceClassification(config).eval(), tokenizer)


def test_every_form_gives_the_logits(student, sentences):
    pytest.importorskip("dixtill_runtime._core", reason="needs the compiled dixtill-runtime")
    found = forms_of(student, ["float32", "8", "4"])
    logits = [one.classifier.logits(one.classifier.tokenize(sentences)) for one in found]
    assert np.allclose(logits[0], logits[1], atol=0.05)
    assert np.allclose(logits[0], logits[2], atol=0.3)
    assert found[2].size < found[1].size < found[0].size
    data = make_device_student(student.model, student.tokenizer, "student", bits="4").data
    assert found[2].data == data


@pytest.mark.parametrize("cell", CELLS)
def test_operations_are_those_of_the_matrices(sentences, cell):
    """Every matrix of the model is multiplied once a word, but for the embedding."""
    student = untrained(sentences, cell)
    weights = sum(
        parameter.numel()
        for name, parameter in student.model.named_parameters()
        if parameter.dim() == 2 and "embedding" not in name
    )
    mean_of_states = 2 * student.model.config.hidden_size
    assert multiply_adds(student.model.config, 1) == weights + mean_of_states
    assert multiply_adds(student.model.config, 7) == 7 * multiply_adds(student.model.config, 1)


def test_words_are_those_that_are_read(student):
    assert mean_words(student, ["one two", "one two three four"]) == 3
    student.tokenizer.model_max_length = 3
    assert mean_words(student, ["one two three four"]) == 3


def test_a_missing_runtime_is_told(monkeypatch):
    monkeypatch.setattr(forms, "find_spec", lambda name: None)
    check_runtime(["float32"])
    with pytest.raises(ImportError, match=r"dixtill_hf\[device\]"):
        check_runtime(["float32", "8"])
