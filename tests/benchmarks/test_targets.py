# SPDX-License-Identifier: Apache-2.0
"""The comparison of outputs, from texts to its report."""

import importlib
import json

from dixtill_hf.explainers.targets import OUTPUTS


def test_every_output_gets_its_row(trial_options, tmp_path, monkeypatch):
    script = importlib.import_module("targets")
    monkeypatch.setattr(script, "STEPS", (2, 16))
    monkeypatch.setattr(script, "REFERENCE_STEPS", 32)
    script.main([*trial_options, "--seeds=1"])
    content = json.loads((tmp_path / "results" / "targets.json").read_text())
    assert list(content["records"]) == list(OUTPUTS)
    for record in content["records"].values():
        few, many = record["steps"]["2"], record["steps"]["16"]
        assert many["mean_error"] < few["mean_error"]
        assert few["cosine"] < many["cosine"] <= 1
        assert len(record["students"]) == 1
    report = (tmp_path / "results" / "targets.md").read_text()
    assert all(f"| `{output}` |" in report for output in OUTPUTS)
