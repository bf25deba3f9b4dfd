# SPDX-License-Identifier: Apache-2.0
"""Every target writes what it says, and refuses what it has not."""

import json
from base64 import b64encode

import pytest

from dixtill_hf.export.fidelity import LabelledTexts
from dixtill_hf.export.targets.base import (
    ExportRequest,
    TeacherExplanation,
    export,
    known_targets,
    register_target,
)

from .conftest import random_student


@pytest.fixture
def request_of(device_model, tmp_path):
    def make(**fields):
        return ExportRequest(*device_model, "tiny", tmp_path / "out", **fields)

    return make


def test_targets_are_found_in_their_folder():
    assert {"c", "dxt", "onnx", "wasm"} <= set(known_targets())


def test_an_unknown_target_gives_the_nearest(request_of):
    with pytest.raises(ValueError, match=r"target must be one of .*Did you mean 'dxt'"):
        export("dx", request_of())


def test_a_name_is_registered_once():
    known_targets()
    with pytest.raises(ValueError, match="already is an export target 'dxt'"):
        register_target("dxt")


def test_dxt_is_one_file_that_runs(request_of):
    runtime = pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime")
    result = export("dxt", request_of(bits="4"))
    (path,) = result.files
    assert path.name == "student.dxt"
    assert result.report[-1] == f"{path.stat().st_size:,} bytes."
    assert runtime.Classifier.from_file(path.parent)("Oil slips").label.startswith("LABEL_")


def test_onnx_has_no_four_bits_and_no_limit(request_of):
    with pytest.raises(ValueError, match="not '4'"):
        export("onnx", request_of(bits="4"))
    with pytest.raises(ValueError, match="device targets only"):
        export("onnx", request_of(max_bytes=1))


def test_onnx_in_eight_bits_is_smaller_and_near(tmp_path, sentences):
    pytest.importorskip("onnx", reason="needs the extra onnx")
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    from dixtill_hf.export.onnx_student import OnnxStudent

    student = random_student(sentences, hidden_size=50)
    (whole,) = export("onnx", ExportRequest(*student, "tiny", tmp_path)).files
    size = whole.stat().st_size
    before = OnnxStudent(whole.parent)
    expected = before.logits(before.tokenize(sentences))
    (small,) = export("onnx", ExportRequest(*student, "tiny", tmp_path, bits="8")).files
    after = OnnxStudent(small.parent)
    assert small.stat().st_size < size
    assert abs(after.logits(after.tokenize(sentences)) - expected).max() < 0.5


def test_what_the_device_lacks_is_refused_by_name(tmp_path, sentences):
    student = random_student(sentences, num_layers=2)
    with pytest.raises(ValueError, match="one layer"):
        export("dxt", ExportRequest(*student, "deep", tmp_path))


def test_wasm_is_one_page_with_the_student_in_it(request_of):
    pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime")
    (path,) = export("wasm", request_of(bits="4")).files
    (student,) = export("dxt", request_of(bits="4")).files
    assert path.name == "index.html"
    assert b64encode(student.read_bytes()).decode() in path.read_text(encoding="utf-8")


def test_the_page_has_the_teachers_explanation_of_its_examples(request_of):
    pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime")
    texts = LabelledTexts("texts", ["Oil slips, again", "Oil rises"], [0, 1])
    teacher = {"Oil slips, again": TeacherExplanation("down", [(0, 3), (4, 7), (7, 9)], [1, 2, 3])}
    (path,) = export("wasm", request_of(validation=texts, teacher=teacher)).files
    held = path.read_text(encoding="utf-8").split('id="example-texts"')[1].split(">")[1]
    first, second = json.loads(held.split("</script")[0])
    assert second == {"text": "Oil rises", "teacher": None}
    assert first["teacher"] == {
        "label": "down",
        "segments": [
            ["Oil", 1.0], [" ", None], ["slips", 5.0], [",", 0.0], [" ", None], ["again", 0.0],
        ],
    }  # fmt: skip
