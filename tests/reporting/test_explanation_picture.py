# SPDX-License-Identifier: Apache-2.0
"""The picture of an explained text is well-formed, shows all its words and can command nothing."""

from xml.etree import ElementTree

import pytest

from dixtill_hf.reporting.explanation_picture import explanation_svg
from dixtill_hf.student.explaining import Explanation

SVG = "{http://www.w3.org/2000/svg}"


def make(text: str, spans: list, scores: list, label: str = "up") -> Explanation:
    return Explanation(
        text=text,
        words=[text[start:end] for start, end in spans],
        spans=spans,
        label=label,
        labels=(label,),
        scores_by_label={label: scores},
        probabilities={label: 0.75},
        logits={label: 1.0},
    )


def explained(text: str, label: str = "up") -> Explanation:
    words = text.split()
    spans = []
    place = 0
    for word in words:
        start = text.index(word, place)
        place = start + len(word)
        spans.append((start, place))
    scores = [(-1.0) ** i * (i + 1) for i in range(len(words))]
    return make(text, spans, scores, label)


@pytest.mark.parametrize(
    "text", ["Acme <b>rises</b> & rises", "東京 が 上がる", "e\u0301t\u0301e\u0301"]
)
def test_words_are_drawn_as_they_are(text: str) -> None:
    root = ElementTree.fromstring(explanation_svg(explained(text, "<up>")))
    title, *words = (node.text for node in root.iter(f"{SVG}text"))
    assert title == "<up> 75.0 %"
    assert words == text.split()
    assert [node.tag for node in root.iter() if node.tag == f"{SVG}b"] == []


def test_the_strongest_word_has_the_strongest_colour() -> None:
    root = ElementTree.fromstring(explanation_svg(explained("a b c")))
    _, *grounds = root.iter(f"{SVG}rect")
    opacities = [float(one.attrib["fill-opacity"]) for one in grounds]
    assert opacities == sorted(opacities)
    against, speaking_for = grounds[1].attrib["fill"], grounds[0].attrib["fill"]
    assert against != speaking_for


def test_long_texts_are_broken_into_lines_and_cut() -> None:
    root = ElementTree.fromstring(explanation_svg(explained("word " * 400 + "x" * 500)))
    width = float(root.attrib["width"])
    for node in root.iter(f"{SVG}text"):
        wide = float(node.attrib.get("textLength", 0))
        assert float(node.attrib["x"]) + wide <= width
    assert len({node.attrib["y"] for node in root.iter(f"{SVG}text")}) == 10
    assert [node.text for node in root.iter(f"{SVG}text")][-1] == "…"


def test_a_text_without_words_is_drawn() -> None:
    ElementTree.fromstring(explanation_svg(make("", [], [])))
