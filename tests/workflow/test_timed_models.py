# SPDX-License-Identifier: Apache-2.0
"""What is measured in a fresh process loads, whatever the texts and the tokenizer."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

pytest.importorskip("onnxruntime", reason="the extra onnx excludes the newest transformers")

from dixtill_hf.baselines.head_pruning import prune_heads, save_pruned
from dixtill_hf.evaluation.memory import measure_peak_memory
from dixtill_hf.workflow import timed_models


@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
def test_a_fresh_process_reads_texts_that_are_too_long(
    architecture: str,
    tiny_teacher_dir: Callable[[str], Path],
    sentences: list[str],
    tmp_path: Path,
):
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps([*sentences[:3], " ".join(sentences * 5)]))
    directory = str(tiny_teacher_dir(architecture))
    peak = measure_peak_memory(timed_models.PROBE_TRANSFORMERS, directory, str(texts), "32")
    assert peak > 50_000_000


def test_a_pruned_model_is_loaded_by_its_probe(
    tiny_teacher_dir: Callable[[str], Path], sentences: list[str], tmp_path: Path
):
    model = AutoModelForSequenceClassification.from_pretrained(tiny_teacher_dir("bert"))
    tokenizer = AutoTokenizer.from_pretrained(tiny_teacher_dir("bert"))
    directory = save_pruned(prune_heads(model, {0: [0]}), tokenizer, tmp_path / "pruned")
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps(sentences[:4]))
    assert (
        measure_peak_memory(timed_models.PROBE_PRUNED, str(directory), str(texts), "32")
        > 50_000_000
    )
