# SPDX-License-Identifier: Apache-2.0
"""Students of each start are trained once, scored on both splits and drawn on a page."""

import json

import pytest
from datasets import ClassLabel, Dataset, DatasetDict

from dixtill_hf.distillation.building import build_student
from dixtill_hf.student.student import Student
from research import pretrained_start
from research.pretrained_start import BASELINE, main

NAMES = ["down", "up"]


def split(count):
    words = ["falls", "rises"]
    rows = {
        "text": [f"profit {words[i % 2]} again {i}" for i in range(count)],
        "label": [i % 2 for i in range(count)],
        "teacher_logits": [[2.0 - 4 * (i % 2), 4.0 * (i % 2) - 2] for i in range(count)],
        "teacher_spans": [[[0, 6], [7, 12]] for _ in range(count)],
        "teacher_attributions": [[0.1, 1.0] for _ in range(count)],
        "teacher_explained_label": [i % 2 for i in range(count)],
    }
    return Dataset.from_dict(rows).cast_column("label", ClassLabel(names=NAMES))


@pytest.fixture
def given(tmp_path):
    data = DatasetDict(train=split(24), validation=split(8), test=split(10))
    data.save_to_disk(str(tmp_path / "annotated"))
    split(12).save_to_disk(str(tmp_path / "variants"))
    start = build_student(["profit falls and rises"] * 2, NAMES, word_vectors="none", hidden_size=4)
    Student(*start).save(tmp_path / "start")
    options = {"annotated": "annotated", "variants": "variants", "student_start": "start"}
    paths = [part for name, at in options.items() for part in (f"--{name}", str(tmp_path / at))]
    return [*paths, "--seeds", "1", "--results_dir", str(tmp_path)]


def test_each_student_is_trained_once(given, tmp_path, monkeypatch):
    rows = [BASELINE, "pretrained, a quarter of the learning rate"]
    main([*given, "--rows", *rows])
    content = json.loads((tmp_path / "pretrained_start.json").read_text())
    assert set(content["rows"]) == set(rows)
    assert content["splits"]["test"]["accuracy"] == 1
    student = content["rows"][rows[1]]["0"]["test"]
    assert len(student["predicted"]) == 10
    page = (tmp_path / "pretrained_start.md").read_text("utf-8")
    assert "## test, 10 texts" in page
    assert f"| {rows[1]} | 1 |" in page
    monkeypatch.setattr(pretrained_start, "train", None)
    main([*given, "--rows", *rows])
