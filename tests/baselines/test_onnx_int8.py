# SPDX-License-Identifier: Apache-2.0
"""Teachers through ONNX Runtime: in float32 they are the teacher, in int8 they are near it."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("optimum.onnxruntime", reason="needs the extra onnx")

import onnx

from dixtill_hf.baselines.base import read_settings
from dixtill_hf.baselines.quantization import compress_teacher, load_compressed
from dixtill_hf.evaluation.efficiency import directory_bytes
from dixtill_hf.export.onnx_session import open_session
from dixtill_hf.teacher.loading import Teacher, load_teacher

from .conftest import (
    DATA_LABELS,
    check_equal,
    check_it_predicts_without_torch,
    check_near_but_not_equal,
    teacher_logits,
)


def test_float32_is_the_teacher_whatever_its_architecture(each_teacher_dir, sentences, tmp_path):
    teacher = load_teacher(each_teacher_dir, label_names=DATA_LABELS)
    classifier = load_compressed(compress_teacher(teacher, "onnx", tmp_path / "new"), threads=1)
    check_equal(classifier, teacher, sentences)


@pytest.mark.parametrize("method", ["int8-dynamic", "int8-static"])
def test_int8_is_near_the_teacher_and_not_it(compressed, bert, sentences, method):
    check_near_but_not_equal(load_compressed(compressed(method)), bert, sentences)


@pytest.mark.parametrize("method", ["onnx", "int8-dynamic", "int8-static"])
def test_padding_changes_next_to_nothing(compressed, sentences, method):
    classifier = load_compressed(compressed(method))
    padded, unpadded = (classifier.logits(classifier.tokenize(sentences, n)) for n in (60, None))
    tolerance = 1e-5 if method == "onnx" else 0.1  # ranges of activations take in the padding
    np.testing.assert_allclose(padded, unpadded, rtol=0, atol=tolerance)


@pytest.mark.parametrize("method", ["int8-dynamic", "int8-static"])
def test_weights_and_embeddings_are_stored_in_8_bits(compressed, bert, method):
    graph = onnx.load(compressed(method) / "model.onnx").graph
    kinds = {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}
    small = {tuple(tensor.dims) for tensor in graph.initializer if tensor.data_type in kinds}
    assert tuple(bert.model.bert.embeddings.word_embeddings.weight.shape) in small
    assert (16, 32) in small  # the inner layer, as ONNX has it: inputs by outputs


def test_presets_differ_in_how_weights_are_stored(bert, tmp_path):
    kinds = {}
    for preset in ("avx2", "arm64"):
        directory = compress_teacher(bert, "int8-dynamic", tmp_path / preset, cpu_preset=preset)
        assert read_settings(directory)["settings"]["preset"] == preset
        graph = onnx.load(directory / "model.onnx").graph
        kinds[preset] = {t.data_type for t in graph.initializer if tuple(t.dims) == (16, 32)}
    assert kinds == {"avx2": {onnx.TensorProto.UINT8}, "arm64": {onnx.TensorProto.INT8}}


def test_the_directory_says_how_it_was_made(compressed, bert, sentences):
    settings = read_settings(compressed("int8-static"))
    assert settings["method"] == "int8-static"
    assert settings["backend"] == "onnxruntime"
    assert settings["teacher"] == bert.name
    assert settings["label_order"] == [2, 0, 1]
    assert settings["max_length"] == 64
    assert settings["settings"]["calibration_texts"] == len(sentences)
    assert settings["settings"]["operators"] == ["Gather", "Gemm", "MatMul"]
    assert settings["versions"]["torch"] == torch.__version__
    assert directory_bytes(compressed("int8-static")) > 0


def test_float32_is_called_the_teacher_and_int8_by_its_scheme(compressed):
    names = [load_compressed(compressed(method)).name for method in ("onnx", "int8-dynamic")]
    assert names == ["teacher", "int8 dynamic"]
    assert load_compressed(compressed("onnx")).runtime == "onnxruntime"


def test_optimum_loads_the_directory(compressed, bert, sentences):
    from optimum.onnxruntime import ORTModelForSequenceClassification

    model = ORTModelForSequenceClassification.from_pretrained(compressed("onnx"))
    inputs = bert.tokenizer(sentences, padding=True, return_tensors="pt")
    actual = model(**inputs).logits[:, list(bert.label_order)].numpy()
    np.testing.assert_allclose(actual, teacher_logits(bert, sentences), rtol=0, atol=1e-5)


def test_the_teacher_stays_as_it_was(tiny_teacher_dir, tmp_path):
    teacher = load_teacher(tiny_teacher_dir("bert"), dtype=torch.bfloat16)
    before = {name: value.clone() for name, value in teacher.model.state_dict().items()}
    config = teacher.model.config.to_dict()
    classifier = load_compressed(compress_teacher(teacher, "onnx", tmp_path / "new"))
    assert classifier.logits(classifier.tokenize(["up"])).dtype == np.float32
    assert teacher.model.config.to_dict() == config
    assert all(torch.equal(before[n], v) for n, v in teacher.model.state_dict().items())


def test_an_architecture_that_optimum_does_not_export_is_named(bert, tmp_path):
    config = AutoConfig.for_model(
        "fnet", vocab_size=160, hidden_size=8, num_hidden_layers=1, intermediate_size=8
    )
    model = AutoModelForSequenceClassification.from_config(config)
    teacher = Teacher(model, bert.tokenizer, [0, 1], "mine", max_length=64)
    with pytest.raises(ValueError, match=r"'mine' cannot be compressed.*type 'fnet'"):
        compress_teacher(teacher, "int8-dynamic", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_an_architecture_without_static_int8_is_named(tiny_teacher_dir, sentences, tmp_path):
    teacher = load_teacher(tiny_teacher_dir("deberta-v2"))
    with pytest.raises(ValueError, match="'deberta-v2', exports with branches"):
        compress_teacher(teacher, "int8-static", tmp_path / "new", calibration_texts=sentences)


def test_threads_are_at_least_one(compressed):
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        open_session(compressed("onnx") / "model.onnx", threads=0)


def test_predicting_needs_neither_torch_nor_transformers(compressed):
    check_it_predicts_without_torch(compressed("int8-dynamic"))
