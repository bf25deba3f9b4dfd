# SPDX-License-Identifier: Apache-2.0
"""What the interface to the compressed teachers checks, whatever extra is installed."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from dixtill_hf.baselines.base import get_baseline, read_settings
from dixtill_hf.baselines.quantization import (
    compress_teacher,
    load_compressed,
    quantized_names,
)
from dixtill_hf.teacher.loading import load_teacher


@pytest.fixture
def teacher(tiny_teacher_dir):
    return load_teacher(tiny_teacher_dir("bert"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "int8-dinamic"}, "Did you mean 'int8-dynamic'"),
        ({"method": "int8-dynamic", "cpu_preset": "avx512"}, "cpu_preset must be one of"),
        ({"method": "int8-static"}, "training data as calibration_texts"),
        ({"method": "openvino-int8-static", "calibration_texts": []}, "as calibration_texts"),
    ],
)
def test_what_is_asked_for_is_checked_first(teacher, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        compress_teacher(teacher, output_dir=tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_a_directory_in_use_is_kept(teacher, tmp_path):
    pytest.importorskip("onnxruntime", reason="the extra onnx excludes the newest transformers")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="is in use"):
        compress_teacher(teacher, "onnx", tmp_path)


@pytest.mark.parametrize("method", quantized_names())
def test_a_missing_extra_is_named(teacher, tmp_path, method):
    baseline = get_baseline(method)
    extra = baseline.extra
    if find_spec(baseline.runtime) is not None:
        pytest.skip(f"the extra {extra} is installed")
    with pytest.raises(ImportError, match=rf'pip install "dixtill_hf\[{extra}\]"'):
        compress_teacher(teacher, method, tmp_path / "new", calibration_texts=["up"])
    assert list(tmp_path.iterdir()) == []
    saved = {
        "format": 1,
        "method": method,
        "backend": baseline.runtime,
        "scheme": "dynamic",
        "label_order": [0],
    }
    (tmp_path / "compression.json").write_text(
        json.dumps({**saved, "pad_token_id": 0, "max_length": 8}), encoding="utf-8"
    )
    with pytest.raises(ImportError, match=rf'pip install "dixtill_hf\[{extra}\]"'):
        load_compressed(tmp_path)


def test_other_directories_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no compression"):
        load_compressed(tmp_path)


def test_newer_formats_are_refused(tmp_path):
    (tmp_path / "compression.json").write_text('{"format": 2}', encoding="utf-8")
    with pytest.raises(ValueError, match="has the format 2, this release reads 1"):
        read_settings(tmp_path)


def test_the_interface_imports_neither_torch_nor_transformers():
    program = """
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
import dixtill_hf.baselines.onnx_int8, dixtill_hf.baselines.openvino_int8
"""
    subprocess.run([sys.executable, "-c", program], check=True)
