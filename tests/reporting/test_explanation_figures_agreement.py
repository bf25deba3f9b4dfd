# SPDX-License-Identifier: Apache-2.0
"""Agreement at k: of a run's students, or of every explanation that a benchmark compared."""

import pytest

pytest.importorskip("matplotlib")

from dixtill_hf.reporting.explanation_figures import agreement_figure
from dixtill_hf.reporting.measurements import series_of


def names_of(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def compared(explanation: str, **measures: float) -> dict:
    return {
        "model": "dixtill",
        "preset": "default",
        "seed": 0,
        "explanation": explanation,
        **measures,
    }


def test_a_run_shows_only_models_with_an_explanation(metrics):
    figure = agreement_figure(metrics, series_of(metrics))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "no distillation", "KL", "MSE", "DiXtill",
    ]  # fmt: skip
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["1", "3", "5"]


def test_a_run_without_explanations_has_no_figure(metrics):
    assert agreement_figure(metrics, series_of(metrics)[:1]) is None


def test_a_benchmark_shows_every_explanation_and_measure(metrics):
    rows = [
        compared("contributions", **{"feature_agreement@1": 0.5, "rank_agreement@2": 0.4}),
        compared("random", **{"feature_agreement@1": 0.1, "rank_agreement@2": 0.1}),
    ]
    metrics["explanations"] = {"agreement": rows}
    figure = agreement_figure(metrics, series_of(metrics))
    assert names_of(figure) == [
        "DiXtill: contributions (exact)", "DiXtill: random scores (control)",
    ]  # fmt: skip
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["feature agreement", "rank agreement"]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["1", "2"]


def test_controls_are_grey(metrics):
    rows = [compared(kind, **{"sign_agreement@1": 0.5}) for kind in ("attention", "shuffled")]
    metrics["explanations"] = {"agreement": rows}
    lines = agreement_figure(metrics, series_of(metrics)).legends[0].get_lines()
    assert [line.get_color() for line in lines] == ["#D55E00", "#7F7F7F"]


def test_the_highest_value_of_a_row_is_within_both_of_its_panels(metrics):
    rows = [compared("contributions", **{"feature_agreement@1": 0.2, "sign_agreement@1": 0.9})]
    metrics["explanations"] = {"agreement": rows}
    panels = agreement_figure(metrics, series_of(metrics)).axes
    assert [axes.get_ylim()[0] for axes in panels] == [0, 0]
    assert all(axes.get_ylim()[1] > 0.9 * 1.03 for axes in panels)
