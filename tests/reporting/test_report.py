# SPDX-License-Identifier: Apache-2.0
"""The whole report, from the two JSON files."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from dixtill_hf.reporting import report
from dixtill_hf.reporting.report import report_text, write_report

NAMES = ("quality", "agreement", "size", "stages")


def write_run(directory: Path, metrics, explanations=None) -> Path:
    (directory / "metrics.json").write_text(json.dumps(metrics))
    if explanations is not None:
        (directory / "explanations.json").write_text(json.dumps(explanations))
    return directory


@pytest.mark.slow
def test_every_link_of_the_report_leads_to_a_file(tmp_path, metrics, explanations):
    path = write_report(write_run(tmp_path, metrics, explanations))
    assert path == tmp_path / "report.md"
    links = re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8"))
    assert links == [
        "figures/quality.png", "figures/size.png", "figures/agreement.png",
        "figures/highlights.png", "explanations.html", "figures/stages.png",
    ]  # fmt: skip
    assert all((tmp_path / link).is_file() for link in links)


@pytest.mark.slow
def test_the_html_report_is_one_file_with_its_figures_inside(tmp_path, metrics, explanations):
    metrics["dataset"]["labels"] = ["<img src=x>", "bullish", "neutral"]
    write_report(write_run(tmp_path, metrics, explanations))
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    sources = re.findall(r'<img src="(.*?)"', page)
    assert len(sources) == 5
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert page.count("<table>") == page.count('<div class="scroll">') > 5
    assert "<img src=x>" not in page
    assert not re.search(r"<script|<link|@import|https?://", page)
    assert f"<title>Distillation report: {metrics['dataset']['source']}</title>" in page


def test_no_page_without_explanations(tmp_path, metrics, monkeypatch):
    monkeypatch.setattr(report, "draw_figures", lambda *_: [])
    text = write_report(write_run(tmp_path, metrics)).read_text(encoding="utf-8")
    assert "](" not in text
    assert not (tmp_path / "explanations.html").exists()


def test_missing_metrics_are_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="finished run"):
        write_report(tmp_path)


def test_report_is_the_same_each_time(metrics):
    assert report_text(metrics, NAMES, True) == report_text(metrics, NAMES, True)


def test_sections_of_a_full_run(metrics):
    text = report_text(metrics, NAMES, True)
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == [
        "Quality", "Size", "Agreement with the teacher's explanations", "Paired comparisons",
        "The teacher's explanations", "Data", "Time", "Repeat this run", "Environment",
    ]  # fmt: skip
    assert "dixtill-hf run --methods none,kl,mse,dixtill --seeds 5" in text


def test_sections_without_data_are_left_out(make_metrics):
    metrics = make_metrics(seeds=1)
    kept = ("format", "dataset", "teacher", "results")
    bare = {key: metrics[key] for key in kept}
    bare["results"] = [{**row, "explanation": None} for row in bare["results"]]
    bare["teacher"] = {"name": "teacher"}
    bare["dataset"].pop("label_counts")
    text = report_text(bare, [], False)
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == ["Quality", "Size", "Data"]
    assert "Only one seed: there are no intervals" in text
    assert "±" not in text


def test_no_two_empty_lines_and_none_at_the_end(metrics, make_metrics):
    for found in (metrics, make_metrics(seeds=1)):
        text = report_text(found, NAMES, True)
        assert "\n\n\n" not in text
        assert text.endswith("|\n")


def test_figures_in_the_text_follow_the_data(metrics):
    before = report_text(metrics, NAMES, True)
    metrics["teacher"]["macro_f1"] = 0.111
    after = report_text(metrics, NAMES, True)
    assert "0.842 (" not in after
    assert "the teacher's 0.842" in before
    assert "the teacher's 0.111" in after
