# SPDX-License-Identifier: Apache-2.0
"""The page on the paper is drawn from the results that are here, and from nothing else."""

import re
from copy import deepcopy

import pytest

from benchmarks import the_paper
from dixtill_hf.artifacts.files import read_json
from dixtill_hf.reporting.measurements import read_metrics


@pytest.fixture(scope="module")
def metrics():
    return read_metrics(the_paper.RESULTS / "tweets" / "metrics.json")


@pytest.fixture
def losses():
    """A study of two settings."""
    student = {"accuracy": 0.5, "teacher_agreement": 0.5, "explanation": {"cosine": 0.5}}
    rows = [
        {"name": name, "group": group, "students": [student | {"macro_f1": f1}]}
        for name, group, f1 in (("as printed", "text", 0.25), ("with | τ²", "notebook", 0.75))
    ]
    return {
        "command": "python -m research.compare_settings a b",
        "dataset": {"splits": {"train": 3000}},
        "teacher": {"texts": 1200, "accuracy": 0.875, "macro_f1": 0.8125},
        "rows": rows,
    }


def test_the_page_that_is_here_is_drawn_from_the_results_that_are_here(metrics):
    drawn = the_paper.page(metrics, read_json(the_paper.LOSSES))
    assert (the_paper.RESULTS / "the_paper.md").read_text(encoding="utf-8") == drawn
    figures = re.findall(r"\]\((tweets/[^)]+)\)", drawn)
    assert len(figures) == 6
    assert all((the_paper.RESULTS / figure).is_file() for figure in figures)


def test_published_figures_stand_next_to_ours(metrics):
    rows = [line.split("|") for line in the_paper.page(metrics, None).splitlines()]
    teacher = next(row for row in rows if len(row) > 9 and row[1].strip() == "teacher")
    assert [cell.strip() for cell in (teacher[3], teacher[-3], teacher[-2])] == [
        "0.869",
        "0.855",
        "0.810",
    ]


def test_the_study_of_the_losses_has_a_section(metrics, losses):
    page = the_paper.page(metrics, losses)
    assert "3,000 training texts" in page
    assert "reaches 0.875 accuracy and 0.812 macro F1" in page
    assert re.search(r"as printed +\| +1 \| 0\.500 \| 0\.250", page)
    assert r"with \| τ²" in page
    assert losses["command"] in page
    assert "Why the printed loss" not in the_paper.page(metrics, None)


def test_a_benchmark_without_published_figures_is_refused(metrics):
    without = deepcopy(metrics)
    del without["published"]
    with pytest.raises(ValueError, match="run the benchmark with `paper: true`"):
        the_paper.page(without, None)
