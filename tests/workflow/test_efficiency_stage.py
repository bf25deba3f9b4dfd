# SPDX-License-Identifier: Apache-2.0
"""What is measured in a fresh process loads, whatever the texts and the tokenizer."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime", reason="the extra onnx excludes the newest transformers")

from dixtill_hf.baselines.base import get_baseline
from dixtill_hf.evaluation.efficiency import measure_peak_memory
from dixtill_hf.teacher.loading import load_teacher
from dixtill_hf.workflow import efficiency_stage


@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
@pytest.mark.slow
def test_a_fresh_process_reads_texts_that_are_too_long(
    architecture: str,
    tiny_teacher_dir: Callable[[str], Path],
    sentences: list[str],
    tmp_path: Path,
):
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps([*sentences[:3], " ".join(sentences * 5)]))
    directory = str(tiny_teacher_dir(architecture))
    peak = measure_peak_memory(efficiency_stage.PROBE_TRANSFORMERS, directory, str(texts), "32")
    assert peak > 50_000_000


def test_a_saved_baseline_is_loaded_by_its_probe(
    tiny_teacher_dir: Callable[[str], Path], sentences: list[str], tmp_path: Path
):
    teacher = load_teacher(tiny_teacher_dir("bert"))
    baseline = get_baseline("int8-dynamic")
    baseline.compress(teacher, tmp_path / "int8")
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps(sentences[:4]))
    probe = efficiency_stage.probe_of(baseline)
    assert measure_peak_memory(probe, str(tmp_path / "int8"), str(texts), "32") > 20_000_000
