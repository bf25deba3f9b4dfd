# SPDX-License-Identifier: Apache-2.0
"""The figures: which are drawn, what they show, and that they are the same each time."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from dixtill_hf.reporting import figures
from dixtill_hf.reporting.measurements import series_of

NAMES = ["quality", "agreement", "size", "stages"]


def texts_of(figure) -> set[str]:
    found = {text.get_text() for legend in figure.legends for text in legend.get_texts()}
    for axes in figure.axes:
        found |= {text.get_text() for text in axes.texts}
        found |= {label.get_text() for label in (*axes.get_yticklabels(), *axes.get_xticklabels())}
        found |= {axes.get_title(loc) for loc in ("left", "center", "right")}
    return found


@pytest.mark.slow
def test_every_figure_is_drawn_as_png_and_svg_the_same_each_time(tmp_path, metrics):
    for run in ("first", "second"):
        assert figures.draw_figures(metrics, tmp_path / run) == NAMES
    for name in NAMES:
        for suffix, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
            first, second = (
                (tmp_path / run / name).with_suffix(suffix).read_bytes()
                for run in ("first", "second")
            )
            assert first.startswith(magic)
            assert first == second


def test_quality_shows_names_means_and_the_teacher(metrics):
    found = texts_of(figures.quality_figure(metrics, series_of(metrics)))
    assert {"bag of words", "no distillation", "KL", "MSE", "DiXtill"} <= found
    assert {"accuracy", "macro F1", "Matthews", "ROC AUC", "teacher 0.842", "0.788"} <= found
    assert {"one seed", "mean, 95 % interval"} <= found


def test_quality_of_one_seed_promises_no_interval(make_metrics):
    metrics = make_metrics(seeds=1)
    found = texts_of(figures.quality_figure(metrics, series_of(metrics)))
    assert "mean, 95 % interval" not in found


def test_quality_axes_end_where_the_metrics_do(metrics):
    for row in metrics["summary"]:
        row["metrics"]["accuracy"].update(low=-3.0, high=4.0)
        row["metrics"]["matthews"].update(low=-3.0, high=4.0)
    panels = figures.quality_figure(metrics, series_of(metrics)).axes
    assert [panels[at].get_xlim() for at in (0, 2)] == [(-0.02, 1.02), (-1.02, 1.02)]


def test_quality_leaves_out_a_metric_that_no_model_has(make_metrics):
    metrics = make_metrics(seeds=1)
    for row in metrics["results"]:
        row["roc_auc"] = None
    metrics["summary"] = []
    figure = figures.quality_figure(metrics, series_of(metrics))
    assert len(figure.axes) == 3


def test_size_stands_on_a_logarithmic_axis_with_the_teacher(metrics):
    metrics["results"][0]["bytes"] = None
    figure = figures.size_figure(metrics, series_of(metrics))
    assert figure.axes[0].get_xscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "teacher", "no distillation", "KL", "MSE", "DiXtill",
    ]  # fmt: skip


def test_figures_without_data_are_not_drawn(tmp_path, make_metrics):
    metrics = make_metrics(seeds=1)
    metrics["results"] = metrics["results"][:1]
    metrics["results"][0]["bytes"] = None
    metrics["teacher"]["bytes"] = None
    metrics["stages"] = {}
    assert figures.draw_figures(metrics, tmp_path) == ["quality"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quality.png", "quality.svg"]


def test_missing_matplotlib_names_the_extra():
    code = "import sys; sys.modules['matplotlib'] = None; import dixtill_hf.reporting.figures"
    root = Path(figures.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert 'pip install "dixtill_hf[report]"' in done.stderr
    assert done.returncode == 1


def test_what_a_cascade_reaches_is_marked_on_its_curve(metrics):
    cascade = {
        "teacher_accuracy": 0.8,
        "curve": [0.795, 0.7, 0.8, 0.8, 0.8],  # the student alone has more than 99 % of 0.8
        "forwarded": {"0.99": 0.0, "1.0": 0.5},
    }
    metrics["answering"] = {"cascade": cascade}
    (axes,) = figures.cascade_figure(metrics, series_of(metrics)).axes
    marked = [line.get_xydata().tolist() for line in axes.lines if len(line.get_xdata()) == 1]
    assert marked == [[[0.0, 0.795]], [[0.5, 0.8]]]
