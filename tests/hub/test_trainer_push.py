# SPDX-License-Identifier: Apache-2.0
"""A training that pushes publishes its student, and nothing else of its directory."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Dataset
from huggingface_hub import ModelCard

from dixtill_hf import distill
from tests.hub.loopback_hub import LoopbackHub


@pytest.mark.slow
def test_distill_pushes_when_it_has_trained(
    hub: LoopbackHub, tiny_teacher_dir: Callable[[str], Path], sentences: list[str], tmp_path: Path
) -> None:
    data = Dataset.from_dict({"text": sentences, "label": [i % 3 for i in range(len(sentences))]})
    distill(
        data,
        tiny_teacher_dir("bert"),
        tmp_path / "student",
        method="kl",
        label_names=["bearish", "bullish", "neutral"],
        word_vectors="none",
        variants=0,
        num_train_epochs=1,
        use_cpu=True,
        push_to_hub=True,
        hub_model_id="you/trained",
    )
    files = hub.files("you/trained")
    assert {"model.safetensors", "pipeline_dixtill.py", "README.md"} <= set(files)
    assert not [name for name in files if name.startswith(("cache", "checkpoint", "training_args"))]
    measured = json.loads(files["metrics.json"])
    assert measured["method"] == "kl"
    assert 0 <= measured["evaluations"]["validation"]["accuracy"] <= 1
    card = ModelCard(files["README.md"].decode())
    assert 'repo = "you/trained"' in card.text
    assert str(tmp_path) not in card.text
    assert len(hub.repositories["model", "you/trained"].branches["main"]) == 2
