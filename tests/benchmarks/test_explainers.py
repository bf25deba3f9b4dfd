# SPDX-License-Identifier: Apache-2.0
"""The comparison of explainers, from texts to its report."""

import json

import pytest

from benchmarks import explainers
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients

CHOSEN = ["--explainers=integrated_gradients,saliency", "--settings=integrated_gradients.steps=9"]


@pytest.mark.slow
def test_every_explainer_gets_its_row(experiment_options, tmp_path, capsys):
    explainers.main([*experiment_options, *CHOSEN])
    content = json.loads((tmp_path / "results" / "explainers.json").read_text())
    records = content["records"]
    assert list(records) == [
        "integrated_gradients",
        "saliency",
        "random ranking",
        "KL",
        "no explanation term",
    ]
    gradients, saliency = records["integrated_gradients"], records["saliency"]
    assert gradients["settings"] == IntegratedGradients(steps=9).settings()
    assert gradients["evaluations_per_text"] == 10
    assert gradients["agreement"]["cosine"] > 0.99
    assert saliency["agreement"]["sign_agreement@3"] is None
    assert saliency["faithfulness"]["texts"] == 6
    assert {"comprehensiveness", "sufficiency"} <= set(records["random ranking"]["faithfulness"])
    for name in ("saliency", "KL", "no explanation term"):
        assert [student["seed"] for student in records[name]["students"]] == [0, 1]
        assert all(0 <= student["macro_f1"] <= 1 for student in records[name]["students"])
    report = (tmp_path / "results" / "explainers.md").read_text()
    assert all(f"| {name} |" in report for name in records)
    assert content["command"] in report
    assert (tmp_path / "results" / "explainers.png").stat().st_size > 1000
    printed = capsys.readouterr().out
    # 24 texts, and the 6 measured ones twice, at 10 points each.
    assert "integrated_gradients           360 evaluations with a gradient" in printed


@pytest.mark.slow
def test_what_is_measured_is_not_measured_again(experiment_options, tmp_path, monkeypatch):
    student = {"seed": 0, "accuracy": 0.5, "macro_f1": 0.5, "explanation": {"cosine": 0.5}}
    monkeypatch.setattr(
        explainers.Experiment, "students", lambda *_, **__: [student]
    )  # they take the time
    only = "--explainers=gradient_x_input"
    explainers.main([*experiment_options, only])
    before = json.loads((tmp_path / "results" / "explainers.json").read_text())["records"]
    measured = []
    measure = explainers.ExplainerBenchmark.measure

    def spy(benchmark, explainer):
        measured.append(explainer.name)
        return measure(benchmark, explainer)

    monkeypatch.setattr(explainers.ExplainerBenchmark, "measure", spy)
    explainers.main([*experiment_options, f"{only},occlusion"])
    assert measured == ["occlusion"]
    after = json.loads((tmp_path / "results" / "explainers.json").read_text())["records"]
    assert {name: after[name] for name in before} == before
    explainers.main([*experiment_options, only, "--settings=gradient_x_input.output=margin"])
    explainers.main(
        [*experiment_options, only, "--settings=gradient_x_input.output=margin", "--seeds=1"]
    )
    assert measured == ["occlusion", "gradient_x_input", "gradient_x_input"]
    assert "occlusion" not in (tmp_path / "results" / "explainers.md").read_text()


def test_the_estimate_alone_measures_nothing(experiment_options, tmp_path, capsys):
    explainers.main([*experiment_options, "--estimate"])
    printed = capsys.readouterr().out
    assert "kernel_shap" in printed
    assert "precomputed" not in printed
    assert not (tmp_path / "results").exists()


def test_settings_of_explainers_that_are_not_chosen_are_refused(experiment_options):
    with pytest.raises(ValueError, match=r"lime"):
        explainers.main([*experiment_options, "--explainers=saliency", "--settings=lime.samples=8"])
