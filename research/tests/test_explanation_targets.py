# SPDX-License-Identifier: Apache-2.0
"""The comparison of outputs, from texts to its report."""

import json

from dixtill_hf.explainers.base import OUTPUTS
from research import explanation_targets


def test_every_output_gets_its_row(experiment_options, tmp_path, monkeypatch):
    monkeypatch.setattr(explanation_targets, "STEPS", (2, 16))
    monkeypatch.setattr(explanation_targets, "REFERENCE_STEPS", 32)
    explanation_targets.main([*experiment_options, "--seeds=1"])
    content = json.loads((tmp_path / "results" / "explanation_targets.json").read_text())
    assert list(content["records"]) == list(OUTPUTS)
    for record in content["records"].values():
        few, many = record["steps"]["2"], record["steps"]["16"]
        assert many["mean_error"] < few["mean_error"]
        assert few["cosine"] < many["cosine"] <= 1
        assert len(record["students"]) == 1
    report = (tmp_path / "results" / "explanation_targets.md").read_text()
    assert all(f"| `{output}` |" in report for output in OUTPUTS)
