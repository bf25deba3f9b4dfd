# SPDX-License-Identifier: Apache-2.0
"""Macro F1 against the temperature and against the heads pruned."""

import pytest

pytest.importorskip("matplotlib")

from dixtill_hf.reporting.benchmark.figures import pruning_figure, temperature_figure
from dixtill_hf.reporting.measurements import series_of


def names_of(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def levels_of(figure) -> list[float]:
    lines = (line for line in figure.axes[0].lines if list(line.get_xdata()) == [0, 1])
    return [line.get_ydata()[0] for line in lines]


def test_temperature_beside_teacher_and_undistilled_student(benchmark):
    series = series_of(benchmark)
    figure = temperature_figure(benchmark, series)
    assert names_of(figure) == ["teacher", "no distillation", "KL", "DiXtill"]
    (undistilled,) = (one for one in series if one.method == "none")
    assert levels_of(figure) == [0.842, undistilled.estimate("macro_f1").mean]
    assert list(figure.axes[0].get_xticks()) == [1, 2, 3, 4, 5]


def test_undistilled_students_of_two_presets_can_be_told_apart(make_benchmark):
    metrics = make_benchmark(presets=("default", "paper"), seeds=2)
    lines = temperature_figure(metrics, series_of(metrics)).legends[0].get_lines()
    styles = {line.get_label(): line.get_linestyle() for line in lines}
    assert styles["no distillation (default)"] != styles["no distillation (paper)"]


def test_one_temperature_can_be_drawn(benchmark):
    benchmark["temperatures"] = [
        row for row in benchmark["temperatures"] if row["temperature"] == 5
    ]
    figure = temperature_figure(benchmark, series_of(benchmark))
    assert list(figure.axes[0].get_xticks()) == [5]


def test_a_line_for_each_way_to_choose_heads(benchmark):
    figure = pruning_figure(benchmark, series_of(benchmark))
    assert names_of(figure) == [
        "teacher",
        "drop when masked, in every layer",
        "gradient, in every layer",
        "gradient, over all layers",
        "gradient, step by step, over all layers",
    ]
    lines = figure.legends[0].get_lines()
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}
    assert len(looks) == len(lines)


def test_nothing_varied(metrics):
    assert temperature_figure(metrics, series_of(metrics)) is None
    assert pruning_figure(metrics, series_of(metrics)) is None
