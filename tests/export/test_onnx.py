# SPDX-License-Identifier: Apache-2.0
"""The exported student computes what the PyTorch student does, at any size and padding."""

import copy
import warnings

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")

import onnxruntime

from dixtill_hf.distillation.building import build_student
from dixtill_hf.export.onnx import export_student
from dixtill_hf.export.onnx_student import OUTPUTS, OnnxStudent
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import train_word_tokenizer


@pytest.fixture(
    scope="module",
    params=[
        {},
        {"num_layers": 2},
        {"cell": "gru"},
        {"cell": "minimal_gru"},
        {"cell": "convolution"},
    ],
    ids=["one layer", "two layers", "gru", "minimal gru", "convolution"],
)
def student(request, sentences):
    tokenizer = train_word_tokenizer(sentences)
    torch.manual_seed(0)
    config = DixtillConfig(vocab_size=len(tokenizer), num_labels=3, **request.param)
    model = DixtillForSequenceClassification(config)
    torch.nn.init.normal_(model.classifier.bias)
    return model.eval(), tokenizer


@pytest.fixture(scope="module")
def session(student, tmp_path_factory):
    directory = export_student(*student, tmp_path_factory.mktemp("exported") / "new")
    return onnxruntime.InferenceSession(
        directory / "model.onnx", providers=["CPUExecutionProvider"]
    )


def assert_same(model, session, input_ids, mask):
    with torch.no_grad():
        expected = model(input_ids, mask, output_contributions=True)
    inputs = {"input_ids": input_ids.numpy(), "attention_mask": mask.numpy()}
    for name, actual in zip(OUTPUTS, session.run(list(OUTPUTS), inputs), strict=True):
        np.testing.assert_allclose(actual, expected[name].numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("words", [1, 2, 7, 150])
def test_every_size_without_padding(student, session, batch, words):
    model, _ = student
    input_ids = torch.randint(1, model.config.vocab_size, (batch, words))
    assert_same(model, session, input_ids, torch.ones_like(input_ids))


@pytest.mark.parametrize(
    "mask",
    [
        [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]],
        [[0, 0, 1, 1], [0, 1, 1, 1]],
        [[1, 0, 1, 0], [0, 1, 0, 1]],
        [[0, 0, 0], [1, 1, 0]],
        [[0]],
    ],
    ids=["right", "left", "between", "a text without words", "nothing but padding"],
)
def test_every_padding(student, session, mask):
    model, _ = student
    mask = torch.tensor(mask)
    input_ids = torch.randint(1, model.config.vocab_size, mask.shape)
    assert_same(model, session, input_ids, mask)


def test_inputs_and_outputs_are_named(session):
    assert [node.name for node in session.get_inputs()] == ["input_ids", "attention_mask"]
    assert [node.shape for node in session.get_inputs()] == [["batch", "words"]] * 2
    assert [node.name for node in session.get_outputs()] == list(OUTPUTS)


def test_the_student_stays_as_it_was_and_is_exported_as_it_predicts(student, tmp_path):
    model, tokenizer = copy.deepcopy(student[0]).double().train(), student[1]
    directory = export_student(model, tokenizer, tmp_path)
    assert model.training
    assert model.dtype == torch.float64
    session = onnxruntime.InferenceSession(directory / "model.onnx")
    input_ids = torch.randint(1, model.config.vocab_size, (2, 9))
    assert_same(student[0], session, input_ids, torch.ones_like(input_ids))


def test_a_checkpoint_is_exported_with_what_its_words_share(sentences, tmp_path):
    model, tokenizer = build_student(sentences, ["a", "b"], min_frequency=1, ngram_buckets=9)
    torch.nn.init.normal_(model.ngrams.buckets[1:])
    directory = export_student(model.eval(), tokenizer, tmp_path)
    assert model.ngrams is not None
    assert OnnxStudent(directory).labels == ["a", "b"]
    session = onnxruntime.InferenceSession(directory / "model.onnx")
    input_ids = torch.randint(2, model.config.vocab_size, (2, 9))
    assert_same(model, session, input_ids, torch.ones_like(input_ids))


def test_exporting_is_quiet(student, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)
        warnings.simplefilter("error", UserWarning)
        export_student(*student, tmp_path)


@pytest.mark.slow
def test_optimum_exports_a_student(student, sentences, tmp_path):
    """As of any model of transformers: `import dixtill_hf` registers how."""
    ort = pytest.importorskip("optimum.onnxruntime", reason="needs the extra onnx")
    model, tokenizer = student
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    exported = ort.ORTModelForSequenceClassification.from_pretrained(tmp_path, export=True)
    batch = tokenizer(sentences, padding=True, return_tensors="pt")
    with torch.no_grad():
        torch.testing.assert_close(
            exported(**batch).logits, model.eval()(**batch).logits, atol=1e-4, rtol=1e-4
        )
