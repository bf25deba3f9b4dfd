# SPDX-License-Identifier: Apache-2.0
"""The page of benchmarks/device.py says what the JSON holds."""

import copy

import pytest

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime, which lies in runtime/")
pytest.importorskip("matplotlib", reason="needs the extra report")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")

from datasets import Dataset, DatasetDict

from benchmarks.device import DATA_SETS, _within_sizes
from benchmarks.device_report import write_report
from dixtill_hf.distillation.building import build_student
from dixtill_hf.export.dxt import student_bytes
from dixtill_hf.export.float_student import float_student
from dixtill_hf.student.student import Student

FORM = {
    "bytes": 1_000,
    "macro_f1": 0.79,
    "float_macro_f1": 0.80,
    "same_label": 0.99,
    "cosine": 0.999,
    "same_top3": 0.9,
    "texts": 100,
}
FORMS = ("onnx float32", "onnx int8, dynamic", "8", "4", "pq")
ENTRY = {
    "method": "none",
    "texts": {"train": 300, "test": 100},
    "students": [{"words": 50, "dimensions": 10, "forms": dict.fromkeys(FORMS, FORM)}],
    "environment": {
        "cpu": "a processor",
        "versions": dict.fromkeys(("torch", "transformers", "tokenizers", "numpy"), "1"),
    },
}


def test_losses_are_points_of_macro_f1(tmp_path):
    write_report({"trec6": ENTRY}, tmp_path)
    page = (tmp_path / "device.md").read_text("utf-8")
    row = "| integers, 4 bits | 1,000 | 0.7900 | +1.00 | 99.00% | 0.99900 | 90.00% |"
    assert row in page
    assert "1 students trained by the method `none`, 50 words of 10 dimensions" in page
    assert not (tmp_path / "device.png").exists()


def test_sizes_are_a_table_and_a_picture(tmp_path):
    entry = copy.deepcopy(ENTRY)
    chosen = "Chosen: pq bits, 40 of 50 words, 10 of 10 dimensions."
    entry["sizes"] = [
        {"max_bytes": 500, "refused": "too small."},
        {"max_bytes": 1_500, "chosen": chosen, **FORM},
    ]
    entry["baselines"] = [
        {"name": "bag of words", "bytes": 5_000, "macro_f1": 0.7},
        {"name": "fastText", "max_bytes": 1_500, "refused": "too small"},
    ]
    write_report({"trec6": entry}, tmp_path)
    page = (tmp_path / "device.md").read_text("utf-8")
    assert "| 500 | | | | refused: too small. |" in page
    assert "pq bits, 40 of 50 words, 10 of 10 dimensions |" in page
    assert "| fastText, limit 1,500 | refused | |" in page
    assert (tmp_path / "device.png").exists()


@pytest.mark.slow
def test_sizes_are_searched_on_validation_and_measured_on_test(sentences):
    assert {"tweets", "tweet_emotion", "trec6"} == set(DATA_SETS)
    split = Dataset.from_dict({"text": sentences, "label": [0, 1] * (len(sentences) // 2)})
    data = DatasetDict(train=split, validation=split, test=split)
    student = Student(*build_student(sentences, ["down", "up"], min_frequency=1))
    whole = len(student_bytes(float_student(student.model, student.tokenizer)))
    refused, small = _within_sizes(student, data, [2_000, whole])
    assert "cannot be met" in refused["refused"]
    assert small["bytes"] <= whole
    assert small["texts"] == len(sentences)
