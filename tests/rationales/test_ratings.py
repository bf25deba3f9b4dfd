# SPDX-License-Identifier: Apache-2.0
"""The page shows all but who wrote an explanation, and its files are analysed rater by rater."""

import json
from pathlib import Path

import pytest

from dixtill_hf.rationales.ratings import CRITERIA, RatedItem, analyse_ratings, write_rating_form

ITEMS = [
    RatedItem("Shares <fell>", "bad", "They fell.", "model-x"),
    RatedItem("Shares <fell>", "bad", "Because.", "model-y"),
]


def saved(page: Path, path: Path, rater: str, by_source: dict[str, int]) -> Path:
    """What the page saves if a rater gives all explanations of a source the same rating."""
    key = json.loads(page.with_suffix(".json").read_text())
    ratings = [
        {"item": item, "criterion": criterion, "rating": by_source[source]}
        for item, source in key["sources"].items()
        for criterion in CRITERIA
    ]
    content = {"format": 1, "study": key["study"], "rater": rater, "ratings": ratings}
    path.write_text(json.dumps(content))
    return path


def test_the_page_hides_the_source_and_escapes_the_text(tmp_path: Path) -> None:
    page = write_rating_form(ITEMS, tmp_path / "form.html").read_text()
    assert "model-x" not in page
    assert "Shares &lt;fell&gt;" in page
    assert page.count('type="radio"') == 2 * len(CRITERIA) * 5


def test_raters_count_once_each(tmp_path: Path) -> None:
    page = write_rating_form(ITEMS, tmp_path / "form.html")
    files = [
        saved(page, tmp_path / "a.json", "a", {"model-x": 4, "model-y": 1}),
        saved(page, tmp_path / "b.json", "b", {"model-x": 5, "model-y": 2}),
    ]
    found = {
        (one.source, one.criterion): one for one in analyse_ratings(tmp_path / "form.json", files)
    }
    assert len(found) == 2 * (len(CRITERIA) + 1)
    best = found["model-x", "all"]
    assert (best.mean.mean, best.raters, best.ratings) == (4.5, 2, 10)
    assert best.mean.low is not None


def test_what_is_not_of_the_page_is_refused(tmp_path: Path) -> None:
    page = write_rating_form(ITEMS, tmp_path / "form.html")
    other = write_rating_form(ITEMS[:1], tmp_path / "other.html")
    key, rated = tmp_path / "form.json", {"model-x": 4, "model-y": 1}
    good = saved(page, tmp_path / "a.json", "a", rated)
    with pytest.raises(ValueError, match="already"):
        analyse_ratings(key, [good, good])
    with pytest.raises(ValueError, match="another page"):
        analyse_ratings(key, [saved(other, tmp_path / "b.json", "b", rated)])
    with pytest.raises(ValueError, match="does not give"):
        analyse_ratings(key, [saved(page, tmp_path / "c.json", "c", {**rated, "model-x": 9})])
    with pytest.raises(ValueError, match="Different items"):
        write_rating_form([], tmp_path / "none.html")
