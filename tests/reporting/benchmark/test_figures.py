# SPDX-License-Identifier: Apache-2.0
"""Macro F1, compression and speed-up of every model."""

import pytest

pytest.importorskip("matplotlib")

from dixtill_hf.reporting.benchmark.figures import baselines_figure
from dixtill_hf.reporting.measurements import series_of


def test_a_row_for_each_model_whose_quality_is_known(benchmark):
    figure = baselines_figure(benchmark, series_of(benchmark))
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[:2] == ["teacher", "teacher, float32 in ONNX\nRuntime"]
    assert names[-5:] == ["bag of words", "no distillation", "KL", "MSE", "DiXtill"]
    assert len(names) == 12


def test_values_stand_at_the_edge(benchmark):
    figure = baselines_figure(benchmark, series_of(benchmark))
    quality, smaller, faster = ([text.get_text() for text in axes.texts] for axes in figure.axes)
    assert quality[0] == "0.842"
    assert smaller[-1] == "52.5×"
    # The teacher itself, in PyTorch, takes twice the time of the fastest teacher.
    assert (faster[0], faster[-1]) == ("0.50×", "50.0×")


def test_ratios_stand_on_logarithmic_axes(benchmark):
    figure = baselines_figure(benchmark, series_of(benchmark))
    assert [axes.get_xscale() for axes in figure.axes] == ["linear", "log", "log"]


def test_a_model_of_unknown_size_or_time_keeps_its_row(benchmark):
    for row in benchmark["results"]:
        row["bytes"] = None
    rows = benchmark["efficiency"]["rows"]
    benchmark["efficiency"]["rows"] = [row for row in rows if row["model"] != "DiXtill"]
    figure = baselines_figure(benchmark, series_of(benchmark))
    assert len(figure.axes[0].get_yticklabels()) == 12
    assert [len(axes.texts) for axes in figure.axes] == [12, 7, 11]


def test_nothing_timed(metrics):
    assert baselines_figure(metrics, series_of(metrics)) is None
