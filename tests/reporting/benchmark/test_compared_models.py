# SPDX-License-Identifier: Apache-2.0
"""The models that stand beside each other, from all over metrics.json."""

from dixtill_hf.reporting.benchmark.compared_models import compared_models
from dixtill_hf.reporting.measurements import series_of


def by_name(metrics) -> dict:
    return {model.name: model for model in compared_models(metrics, series_of(metrics))}


def test_order_and_families(benchmark):
    found = by_name(benchmark)
    assert list(found) == [
        "teacher",
        "BERT-base (random weights)",
        "teacher, float32 in ONNX Runtime",
        "int8 dynamic",
        "int8 static, calibrated on the training texts",
        "teacher, float32 in OpenVINO",
        "int8 dynamic in OpenVINO",
        "6 of 12 heads a layer",
        "bag of words",
        "no distillation",
        "KL",
        "MSE",
        "DiXtill",
    ]
    assert [found[name].family for name in ("teacher", "int8 dynamic", "KL")] == [
        "teacher", "baseline", "student",
    ]  # fmt: skip
    assert not found["BERT-base (random weights)"].estimates


def test_the_uncompressed_teacher_in_another_runtime_is_timed_as_the_teacher(benchmark):
    found = by_name(benchmark)
    assert (
        found["teacher, float32 in ONNX Runtime"].timed_as,
        found["teacher, float32 in ONNX Runtime"].runtime,
    ) == (
        "teacher",
        "onnxruntime",
    )
    assert (found["int8 dynamic"].timed_as, found["int8 dynamic"].runtime) == (
        "int8 dynamic",
        "onnxruntime",
    )
    assert found["teacher"].runtime == "pytorch"


def test_only_the_really_compressed_are_smaller(benchmark):
    found = by_name(benchmark)
    assert not found["teacher, float32 in ONNX Runtime"].is_smaller
    assert found["int8 dynamic"].is_smaller


def test_students_have_the_mean_of_what_the_summary_lacks(benchmark):
    rows = [row for row in benchmark["results"] if row["method"] == "kl"]
    for row, error in zip(rows, (0.1, 0.2, 0.3, 0.4, 0.5), strict=True):
        row["calibration_error"] = error
        row["f1_per_class"]["neutral"] = 2 * error
    estimates = by_name(benchmark)["KL"].estimates
    assert round(estimates["calibration_error"].mean, 9) == 0.3
    assert round(estimates["f1_per_class.neutral"].mean, 9) == 0.6
    assert estimates["macro_f1"].interval is not None


def test_a_run_that_is_no_benchmark_has_teacher_and_students(metrics):
    assert {model.family for model in by_name(metrics).values()} == {"teacher", "student"}
