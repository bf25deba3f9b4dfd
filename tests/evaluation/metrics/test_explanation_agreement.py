# SPDX-License-Identifier: Apache-2.0
"""The packaged metric, loaded by path as a user of `evaluate` does, with the network cut off."""

import socket
from pathlib import Path

import evaluate
import numpy as np
import pytest
import yaml

import dixtill_hf.evaluation.agreement as agreement

FOLDER = Path(agreement.__file__).parent / "metrics" / "explanation_agreement"


def refuse(*_: object) -> None:
    raise AssertionError("the metric reached for the network")


@pytest.fixture
def metric(monkeypatch, tmp_path):
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(evaluate.config, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    return evaluate.load(str(FOLDER), cache_dir=str(tmp_path / "metrics"))


def test_metric_equals_the_function(metric):
    generator = np.random.default_rng(0)
    predictions, references = ([generator.normal(size=n) for n in (1, 4, 9)] for _ in range(2))
    expected = agreement.explanation_agreement(references, predictions)
    assert metric.compute(predictions=predictions, references=references) == expected


def test_the_reference_is_the_teacher_and_ks_are_passed_on(metric):
    # The reference scores one word, so k is 1; the other way round it would be 2, and the same
    # words would agree in half.
    result = metric.compute(predictions=[[1.0, 2.0]], references=[[1.0, 0.0]], ks=[2])
    assert result["feature_agreement@2"] == 0
    assert set(result) == {"cosine", "feature_agreement@2", "sign_agreement@2", "texts", "left_out"}


def test_metric_collects_batches(metric):
    metric.add_batch(predictions=[[1.0], [1.0, 2.0]], references=[[1.0], [2.0, 1.0]])
    metric.add(prediction=[], reference=[])
    result = metric.compute(ks=[1])
    assert (result["feature_agreement@1"], result["texts"], result["left_out"]) == (0.5, 2, 1)


def test_metric_describes_itself(metric):
    assert metric.name == "explanation_agreement"
    assert set(metric.features) == {"predictions", "references"}
    assert "Krishna" in metric.citation
    assert "Cantini" in metric.citation
    assert "sign agreement" in metric.description
    assert "references:" in metric.inputs_description


def test_the_space_card_starts_the_app_and_carries_the_tags():
    _, front_matter, _ = (FOLDER / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(front_matter)
    assert card["sdk"] == "gradio"
    assert (FOLDER / card["app_file"]).is_file()
    assert {"evaluate", "metric"} <= set(card["tags"])
