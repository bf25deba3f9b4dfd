# SPDX-License-Identifier: Apache-2.0
"""The whole report of a benchmark: its sections, its figures, and what is left out."""

import io
import json
import re

import pytest

pytest.importorskip("matplotlib")

import matplotlib as mpl

from dixtill_hf.reporting.benchmark.figures import (
    baselines_figure,
    pruning_figure,
    temperature_figure,
)
from dixtill_hf.reporting.measurements import series_of
from dixtill_hf.reporting.plot_style import SETTINGS
from dixtill_hf.reporting.report import report_text, write_report

NAMES = ["quality", "temperature", "baselines", "pruning", "agreement", "size", "stages"]
CHAPTERS = {
    "temperatures": ["Temperature"],
    "baselines": ["Quality of the baselines"],
    "pruning": ["Pruned heads"],
    "efficiency": ["Size and time of all models"],
    "explanations": ["Faithfulness of the explanations", "Plausibility of the explanations"],
}


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.*)$", text, flags=re.MULTILINE)


def test_chapters_of_a_benchmark(benchmark):
    text = report_text(benchmark, NAMES, True)
    assert headings(text)[:9] == [
        "Quality",
        "Temperature",
        "Size",
        "Size and time of all models",
        "Quality of the baselines",
        "Pruned heads",
        "Agreement with the teacher's explanations",
        "Faithfulness of the explanations",
        "Plausibility of the explanations",
    ]
    assert "\n\n\n" not in text
    assert text.count("<details>") == text.count("</details>")


@pytest.mark.parametrize("key", CHAPTERS)
def test_a_chapter_appears_only_where_its_key_does(benchmark, metrics, key):
    rest = {name: value for name, value in benchmark.items() if name != key}
    before = headings(report_text(benchmark, NAMES, True))
    assert headings(report_text(rest, NAMES, True)) == [
        title for title in before if title not in CHAPTERS[key]
    ]
    alone = metrics | {key: benchmark[key]}
    assert set(CHAPTERS[key]) <= set(headings(report_text(alone, NAMES, True)))


def test_a_run_that_is_no_benchmark_shows_nothing_of_one(make_metrics):
    text = report_text(make_metrics(), ["quality"], False)
    assert "published" not in text
    assert "calibration" not in text
    assert "<details><summary>" in text
    assert "**Time:**" not in text


def test_published_figures_are_explained_where_they_stand(benchmark):
    text = report_text(benchmark, NAMES, True)
    assert text.count("were not measured here") == 2
    del benchmark["published"]
    assert "published" not in report_text(benchmark, NAMES, True)


def test_opening_tells_time_and_the_best_compressed_teacher(benchmark):
    text = report_text(benchmark, NAMES, True)
    assert "**Time:** 2.00 ms in onnxruntime (batch of 32, unpadded, 2 threads" in text
    assert "than the teacher:** int8 dynamic in OpenVINO, macro F1" in text
    assert ", 23.4 MB, speed-up 2.00×" in text


@pytest.mark.slow
def test_every_figure_is_drawn_and_linked(tmp_path, make_benchmark):
    (tmp_path / "metrics.json").write_text(json.dumps(make_benchmark(seeds=2)))
    text = write_report(tmp_path).read_text(encoding="utf-8")
    linked = re.findall(r"\]\((figures/[^)]+)\)", text)
    assert sorted(linked) == sorted(f"figures/{name}.png" for name in NAMES)
    assert all((tmp_path / link).is_file() for link in linked)


@pytest.mark.parametrize("draw", [temperature_figure, baselines_figure, pruning_figure])
def test_figures_are_the_same_each_time(benchmark, draw):
    drawn = []
    for _ in range(2):
        with mpl.rc_context(SETTINGS):
            file = io.BytesIO()
            draw(benchmark, series_of(benchmark)).savefig(
                file, format="svg", metadata={"Date": None}
            )
            drawn.append(file.getvalue())
    assert drawn[0] == drawn[1]
