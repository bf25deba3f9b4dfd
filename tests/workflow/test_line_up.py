# SPDX-License-Identifier: Apache-2.0
"""What is timed is what its users would load: the same answers from saved files alone."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

pytest.importorskip("onnxruntime", reason="the extra onnx excludes the newest transformers")

from dixtill_hf.evaluation.memory import measure_peak_memory
from dixtill_hf.workflow import line_up


def test_the_probe_of_a_transformers_model_runs(
    tiny_teacher_dir: Callable[[str], Path], sentences: list[str], tmp_path: Path
):
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps(sentences[:4]))
    directory = str(tiny_teacher_dir("bert"))
    probe = line_up._LOAD_TRANSFORMERS + line_up._ASK
    assert measure_peak_memory(probe, directory, str(texts)) > 50_000_000


def test_the_probe_of_a_pruned_model_is_valid_and_loads_it(
    tiny_teacher_dir: Callable[[str], Path], sentences: list[str]
):
    names: dict = {}
    exec(compile(line_up._LOAD_PRUNED, "probe", "exec"), names)
    directory = tiny_teacher_dir("bert")
    classifier = names["load"](str(directory))
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    inputs = AutoTokenizer.from_pretrained(directory)(
        sentences[:3], padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        expected = model(**inputs).logits.numpy()
    found = classifier.logits(classifier.tokenize(sentences[:3]))
    np.testing.assert_allclose(found, expected, atol=1e-5)
