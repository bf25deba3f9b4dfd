# SPDX-License-Identifier: Apache-2.0
"""The measurements of annotation, from texts to their pages, on a tiny teacher."""

import json

import pytest
import torch

from benchmarks import annotation, annotation_batches, annotation_memory
from dixtill_hf.teacher.loading import load_teacher


@pytest.fixture
def source(experiment_options) -> str:
    return next(option for option in experiment_options if option.startswith("--source="))


@pytest.mark.slow
def test_every_method_is_timed_and_held_against_the_reference(
    source, tiny_teacher_dir, tmp_path, monkeypatch
):
    monkeypatch.setattr(annotation, "REFERENCE_STEPS", 60)
    for name in ("first", "second"):
        annotation.main(
            [
                str(tiny_teacher_dir("bert")),
                f"--name={name}",
                source,
                "--texts=6",
                "--block=3",
                "--threads=1",
                f"--results_dir={tmp_path}",
            ]
        )
    entries = json.loads((tmp_path / "annotation.json").read_text())
    first, second = entries
    assert (first.split()[0], second.split()[0]) == ("first", "second")
    methods = entries[first]["methods"]
    for name, one in methods.items():
        assert len(one["seconds_by_block"]) == 2
        assert one["cosine"]["mean"] > 0.98
        adaptive = "adaptive" in name
        assert (one["evaluations"] == 51) != adaptive
        assert (one["completeness_error"]["returned_mean"] < 1e-5) >= adaptive
    exact = methods["ours, 50 fixed steps, float32"]
    assert methods["captum, batched"]["cosine"]["min"] > 0.9999
    assert exact["operations_by_block"] == methods["captum, batched"]["operations_by_block"]
    page = (tmp_path / "annotation.md").read_text()
    assert all(f"| {name} |" in page for name in methods)
    assert "measured / predicted" in page


@pytest.mark.slow
def test_each_precision_is_timed_with_each_number_of_tokens(
    source, tiny_teacher_dir, tmp_path, monkeypatch
):
    monkeypatch.setattr(annotation_batches, "REFERENCE_STEPS", 40)
    options = [source, "--texts=3", "--reference_texts=2", "--repeats=1", "--tokens", "256", "512"]
    annotation_batches.main([str(tiny_teacher_dir("bert")), *options, f"--results_dir={tmp_path}"])
    (entry,) = json.loads((tmp_path / "annotation_batches.json").read_text()).values()
    rows = entry["rows"]
    assert len(rows) == 2 * len(annotation_batches.PRECISIONS)
    assert all(row["seconds"] > 0 and row["cosine"] > 0.97 for row in rows)
    assert rows[0]["cosine"] > 0.999
    assert "| float32, products in TF32 |" in (tmp_path / "annotation_batches.md").read_text()


def test_the_teacher_is_as_it_was_after_a_precision_was_tried(experiment_options, tiny_teacher_dir):
    teacher = load_teacher(tiny_teacher_dir("bert"))
    before = {name: weight.clone() for name, weight in teacher.model.state_dict().items()}
    with annotation_batches.Precision(weights=torch.bfloat16, tf32=True).of(teacher):
        assert teacher.model.dtype == torch.bfloat16
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == "highest"
    after = teacher.model.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


@pytest.mark.slow
def test_memory_is_measured_in_a_process_of_its_own(source, tiny_teacher_dir, tmp_path):
    options = [source, "--sizes", "10", "40", "--explainer=gradient_x_input"]
    annotation_memory.main([str(tiny_teacher_dir("bert")), *options, f"--results_dir={tmp_path}"])
    (entry,) = json.loads((tmp_path / "annotation_memory.json").read_text()).values()
    rows = entry["rows"]
    assert [row["texts"] for row in rows] == [10, 40]
    assert all(1e7 < row["peak_bytes"] < 1e12 and row["seconds"] > 0 for row in rows)
    assert "| 40 |" in (tmp_path / "annotation_memory.md").read_text()
