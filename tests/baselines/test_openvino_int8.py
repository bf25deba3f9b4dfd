# SPDX-License-Identifier: Apache-2.0
"""Teachers through OpenVINO: in float32 they are the teacher, in int8 they are near it."""

import pytest

pytest.importorskip("openvino", reason="needs the extra openvino")
pytest.importorskip("optimum.intel", reason="needs the extra openvino")

from dixtill_hf.baselines.base import read_settings
from dixtill_hf.baselines.quantization import load_compressed
from dixtill_hf.evaluation.efficiency import directory_bytes

from .conftest import check_equal, check_it_predicts_without_torch, check_near_but_not_equal

INT8 = ["openvino-int8", "openvino-int8-static"]


def test_float32_is_the_teacher(compressed, bert, sentences):
    classifier = load_compressed(compressed("openvino"), threads=1)
    assert (classifier.name, classifier.runtime) == ("teacher", "openvino")
    check_equal(classifier, bert, sentences)


@pytest.mark.parametrize("method", INT8)
def test_int8_is_near_the_teacher_and_not_it(compressed, bert, sentences, method):
    check_near_but_not_equal(load_compressed(compressed(method)), bert, sentences)


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
    check_it_predicts_without_torch(compressed("openvino-int8"))
