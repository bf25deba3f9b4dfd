# SPDX-License-Identifier: Apache-2.0
"""The page of explanations and the coloured words of a terminal."""

import io
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from dixtill_hf.reporting.highlights import html_page, terminal


class Page(HTMLParser):
    """What a browser would show: tags, attributes, and the texts of the paragraphs."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if dict(attributes).get("class") == "text":
            self.texts.append("")
            self._inside = True

    def handle_endtag(self, tag):
        self._inside = self._inside and tag != "p"

    def handle_data(self, data):
        if self._inside:
            self.texts[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def example(text="up we go", teacher="a", student="a", label="a", rationale=None) -> dict:
    side = {"probability": 0.9, "spans": [[0, 2]], "scores": [1.0]}
    return {
        "text": text,
        "label": label,
        "teacher": {**side, "label": teacher},
        "student": {**side, "label": student},
        "rationale": rationale,
    }


def test_every_text_is_shown_twice_and_unchanged(explanations):
    shown = Page(html_page(explanations)).texts
    expected = [example["text"] for example in explanations["examples"] for _ in range(2)]
    assert shown == expected


def test_markup_in_texts_labels_and_title_stays_text():
    evil = "<script>alert(1)</script>\"'&"
    page = html_page({"labels": [evil], "examples": [example(evil, evil, evil, evil)]}, title=evil)
    assert len(Page(page).all("script")) == 1
    assert "alert(1)</script>" not in page


def test_page_loads_nothing(explanations):
    page = html_page(explanations)
    assert not re.search(r"https?://|url\(|@import|\bsrc=|<link", page)
    assert "default-src 'none'" in page


def test_direction_is_that_of_the_text(explanations):
    paragraphs = [p for p in Page(html_page(explanations)).all("p") if p["class"] == "text"]
    assert all(paragraph["dir"] == "auto" for paragraph in paragraphs)


def test_colour_has_the_sign_and_strength_of_the_score():
    one = example("up we go")
    one["student"].update(spans=[[0, 2], [3, 5], [6, 8]], scores=[2.0, -1.0, 0.0])
    spans = Page(html_page({"labels": ["a"], "examples": [one]})).all("span")
    words = [(s["class"], s["style"], s["title"]) for s in spans if "style" in s]
    assert words[1:] == [
        ("for", "--a:0.650", "+2.0000"),
        ("against", "--a:0.325", "-1.0000"),
        ("for", "--a:0.000", "+0.0000"),
    ]


def test_articles_can_be_filtered_by_label_and_disagreement():
    examples = [example(), example(teacher="b"), example(label=None, teacher="b", student="b")]
    articles = Page(html_page({"labels": ["a", "b"], "examples": examples})).all("article")
    assert [article["data-label"] for article in articles] == ["0", "0", "1"]
    assert ["data-disagrees" in article for article in articles] == [False, True, False]


def test_articles_can_be_filtered_by_unknown_words():
    examples = [{**example(), "unknown_words": 0.25}, {**example(), "unknown_words": 0.0}]
    page = html_page({"labels": ["a"], "examples": examples})
    assert ["data-unknown" in article for article in Page(page).all("article")] == [True, False]
    assert "25.0 % of the words unknown to the student" in page
    assert "label hidden" not in page
    assert "label hidden" in html_page({"labels": ["a"], "examples": [example()]})


def test_filter_offers_every_label():
    options = Page(html_page({"labels": ["a", "b"], "examples": [example()]})).all("option")
    assert [option["value"] for option in options][:3] == ["", "0", "1"]


def test_rationale_is_underlined_where_there_is_one():
    with_it = html_page({"labels": ["a"], "examples": [example(rationale=[[3, 5]])]})
    without = html_page({"labels": ["a"], "examples": [example()]})
    # Once for the teacher, once for the student; the word itself is not attributed here.
    assert with_it.count("<u>we</u>") == 2
    assert "<u>Underlined</u>" in with_it
    assert "<u>" not in without


def test_right_and_wrong_are_told_only_against_a_gold_label():
    page = html_page({"labels": ["a", "b"], "examples": [example(student="b")]})
    assert "· right" in page
    assert "· wrong" in page
    page = html_page({"labels": ["a"], "examples": [example(label=None)]})
    assert "no gold label" in page
    assert "· right" not in page


def test_attention_scores_are_told_apart():
    data = {"labels": ["a"], "examples": [example()]}
    assert "speaks for no label" not in html_page({**data, "student_explanation": "contributions"})
    assert "speaks for no label" in html_page({**data, "student_explanation": "attention"})


def test_label_that_is_not_listed_is_an_error():
    with pytest.raises(ValueError, match="label 'c' of a text is not one of a, b"):
        html_page({"labels": ["a", "b"], "examples": [example(label="c")]})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def explanation() -> SimpleNamespace:
    return SimpleNamespace(
        text="up or down",
        spans=[(0, 2), (3, 5), (6, 10)],
        scores_by_label={"bullish": [2.0, 0.1, -1.0]},
        probabilities={"bullish": 0.875},
        logits={"bullish": 1.0},
    )


@pytest.fixture(autouse=True)
def _terminal_without_wishes(monkeypatch):
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def test_24_bit_colours(monkeypatch, explanation):
    monkeypatch.setenv("COLORTERM", "truecolor")
    words = terminal(explanation, Terminal()).splitlines()[1]
    # Half way from grey (88, 88, 88) to orange (213, 94, 0).
    assert words == "\x1b[97;48;2;0;114;178mup\x1b[0m or \x1b[97;48;2;150;91;44mdown\x1b[0m"


def test_256_colours(explanation):
    words = terminal(explanation, Terminal()).splitlines()[1]
    # (0, 95, 175) and (135, 95, 0) in the colour cube.
    assert words == "\x1b[97;48;5;25mup\x1b[0m or \x1b[97;48;5;94mdown\x1b[0m"


def test_coloured_head_has_label_probability_and_scale(explanation):
    head = terminal(explanation, Terminal()).splitlines()[0]
    assert re.sub(r"\x1b\[[0-9;]*m", "", head).split() == [
        "bullish", "87.5", "%", "against", "for",
    ]  # fmt: skip


@pytest.mark.parametrize("why", ["NO_COLOR", "TERM", "no terminal"])
def test_without_colours_the_scores_are_numbers(monkeypatch, explanation, why):
    if why != "no terminal":
        monkeypatch.setenv(why, "dumb")
    stream = io.StringIO() if why == "no terminal" else Terminal()
    assert terminal(explanation, stream).splitlines() == [
        "bullish  87.5 %",
        "  +2.0000  up",
        "  +0.1000  or",
        "  -1.0000  down",
    ]


def test_empty_no_color_is_no_wish(monkeypatch, explanation):
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b[" in terminal(explanation, Terminal())


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_text_cannot_command_the_terminal(explanation, stream):
    explanation.text = "\x1b[2J\x9b2J"
    explanation.spans, explanation.scores_by_label = [(0, 4)], {"bullish": [1.0]}
    shown = terminal(explanation, stream)
    assert "\x1b[2J" not in shown
    assert "\x9b" not in shown


def words_of(page: str) -> dict[str, list[list[str]]]:
    """The rows of the table of each label: word, texts, mean score."""
    tables = re.findall(r"<caption[^>]*>(.*?)</caption>.*?<tbody>(.*?)</tbody>", page, re.DOTALL)
    return {
        label: [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in body.split("</tr>")[:-1]]
        for label, body in tables
    }


def test_each_explanation_shows_the_sum_of_its_scores():
    one = example("up we go")
    one["student"].update(spans=[[0, 2], [3, 5]], scores=[2.0, -0.5])
    page = html_page({"labels": ["a"], "examples": [one]})
    assert "sum +1.000" in page  # the teacher's
    assert "sum +1.500" in page


def test_words_that_speak_for_a_label_are_those_of_its_texts():
    def said(text, label, scores):
        one = example(text, label, label, label)
        spans = [[match.start(), match.end()] for match in re.finditer(r"\w+", text)]
        one["student"].update(spans=spans, scores=scores)
        return one

    examples = [
        said("Up we go", "a", [2.0, 0.1, 0.5]),
        said("up up away", "a", [1.0, 1.0, 9.0]),  # a word counts once a text, with all it says
        said("we fall", "a", [-0.5, 1.0]),
        said("up we fall", "b", [-1.0, 0.2, 3.0]),
    ]
    page = html_page({"labels": ["a", "b"], "examples": examples})
    assert words_of(page) == {"a": [["up", "2", "+2.000"]]}


def test_without_a_word_of_two_texts_there_is_no_table():
    page = html_page({"labels": ["a"], "examples": [example()]})
    assert "Words that speak most" not in page
