# SPDX-License-Identifier: Apache-2.0
"""The student in ONNX Runtime predicts and explains as the student in PyTorch."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")

from dixtill_hf.export.onnx import export_student
from dixtill_hf.export.onnx_student import OnnxStudent
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.explaining import explain
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import train_word_tokenizer


@pytest.fixture(scope="module", params=["contributions", "attention"])
def student(request, sentences, teacher_labels):
    tokenizer = train_word_tokenizer(sentences)
    config = DixtillConfig(
        vocab_size=len(tokenizer),
        id2label=dict(enumerate(teacher_labels)),
        label2id={label: i for i, label in enumerate(teacher_labels)},
        explanation=request.param,
    )
    torch.manual_seed(0)
    model = DixtillForSequenceClassification(config)
    torch.nn.init.normal_(model.classifier.bias)
    return model.eval(), tokenizer


@pytest.fixture(scope="module")
def exported(student, tmp_path_factory):
    return export_student(*student, tmp_path_factory.mktemp("exported"))


def test_texts_are_predicted_and_explained_as_in_pytorch(student, exported, sentences):
    runtime = OnnxStudent(exported, threads=1)
    texts = [*sentences, "Words that nobody has seen, and more of them"]
    inputs = runtime.tokenize(texts)
    logits, scores = runtime.explain(inputs)
    for row, expected in enumerate(explain(*student, texts)):
        assert runtime.labels[logits[row].argmax()] == expected.label
        words = len(expected.words)
        np.testing.assert_allclose(scores[row, :words], expected.scores, rtol=0, atol=1e-5)
        assert not scores[row, words:].any()
    np.testing.assert_allclose(runtime.logits(inputs), logits, rtol=0, atol=1e-6)


def test_padding_further_changes_nothing(exported, sentences):
    runtime = OnnxStudent(exported)
    inputs = runtime.tokenize(sentences, pad_to=40)
    assert inputs["input_ids"].shape == (len(sentences), 40)
    expected = runtime.logits(runtime.tokenize(sentences))
    np.testing.assert_allclose(runtime.logits(inputs), expected, rtol=0, atol=1e-5)


def test_longer_texts_are_cut(exported, sentences):
    runtime = OnnxStudent(exported)
    whole = runtime.tokenize(sentences)["input_ids"]
    assert (runtime.tokenize(sentences, pad_to=3)["input_ids"] == whole[:, :3]).all()


def test_a_text_without_words_gets_the_bias(student, exported):
    runtime = OnnxStudent(exported)
    bias = student[0].classifier.bias.tolist()
    for logits in runtime.logits(runtime.tokenize(["", " "])):
        assert logits.tolist() == pytest.approx(bias)


def test_another_model_is_refused(exported, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    with pytest.raises(ValueError, match="'bert', not a student"):
        OnnxStudent(tmp_path)


def test_it_runs_without_torch_and_transformers(exported):
    program = f"""
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
from dixtill_hf.export.onnx_student import OnnxStudent
student = OnnxStudent({str(exported)!r})
print(student.explain(student.tokenize(["Shares fell"])).scores.shape)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "(1, 2)"
