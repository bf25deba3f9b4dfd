# SPDX-License-Identifier: Apache-2.0
"""The opening of the report follows the data."""

import pytest

from dixtill_hf.reporting.measurements import series_of
from dixtill_hf.reporting.summary import short_name, summary


def told(metrics) -> str:
    return "\n".join(summary(metrics, series_of(metrics)))


def test_opening_tells_what_was_measured(metrics):
    summary = metrics["summary"][-1]["metrics"]
    summary["macro_f1"] = {"mean": 0.8, "sd": 0.004, "low": 0.79, "high": 0.81}
    summary["explanation.cosine"]["mean"] = 0.7
    metrics["teacher"].update(macro_f1=0.842, bytes=100_000_000)
    for row in metrics["results"]:
        row["bytes"] = 2_000_000
    found = told(metrics)
    assert "macro F1 0.800 ± 0.004 (mean and standard deviation over 5 seeds)" in found
    assert "95.0 % of the teacher's 0.842" in found
    assert "2.00 MB, 50.0× smaller than the teacher's 100 MB" in found
    assert "a bag of words reaches 0.788 (a difference of +0.012)" in found
    assert "explanations and the teacher's is 0.700. The best other method, KL, has 0.3" in found
    assert "Training: 2,700 texts. Test: 600 texts." in found
    assert "better than no distillation and KL; no clear difference from MSE and bag of" in found


def test_variants_are_told(metrics):
    for row in metrics["results"]:
        row["train_texts"] = 13_000
    assert "2,700 texts and 10,300 variants that the teacher labels. Test" in told(metrics)


def test_preset_is_told_only_where_several_are_compared(make_metrics):
    assert "Preset" not in told(make_metrics(seeds=1))
    assert "is about default, which has the best" in told(
        make_metrics(presets=("default", "paper"), seeds=1)
    )


def test_what_is_missing_is_not_told(make_metrics):
    metrics = make_metrics(seeds=1)
    metrics["results"] = metrics["results"][-1:]
    metrics["results"][0].update(explanation=None, teacher_agreement=None, bytes=None)
    metrics["summary"] = []
    metrics["comparisons"] = []
    metrics["teacher"].update(macro_f1=None, finetuned=False)
    found = told(metrics)
    assert found.count("\n") == 1
    assert "±" not in found
    assert "fine-tuned" not in found


def test_student_larger_than_its_teacher_is_not_called_smaller(metrics):
    metrics["teacher"]["bytes"] = metrics["results"][-1]["bytes"] // 2
    assert "2.00× the size of the teacher's" in told(metrics)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("owner/model", "owner/model"), ("/home/someone/run/teacher", "teacher")],
)
def test_paths_of_somebodys_disk_are_not_told(name, expected):
    assert short_name(name) == expected
