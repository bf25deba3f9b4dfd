# SPDX-License-Identifier: Apache-2.0
"""Names of labels with markup, line breaks or commands for a terminal are shown, not obeyed."""

import io
import json

import pytest
from huggingface_hub import ModelCard

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.model_card import card_text, training_card
from dixtill_hf.reporting.highlights import html_page, terminal
from dixtill_hf.reporting.model_card import card_contents
from dixtill_hf.reporting.report import report_text
from dixtill_hf.student.explaining import Explanation

IMAGE = "<img src=x onerror=alert(1)>"
NAMES = {"bearish": f"up\n| {IMAGE} |", "bullish": "\x1b[2Jcleared", "neutral": "a|b *c*"}


def renamed(value):
    """The value with every label renamed, deep inside it too."""
    text = json.dumps(value)
    for old, new in NAMES.items():
        text = text.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1])
    return json.loads(text)


@pytest.fixture
def markdown(benchmark):
    """The Markdown of a report and of both cards."""
    metrics = renamed(benchmark)
    args = DistillationArguments(output_dir="unused", report_to="none")
    log = [{"eval_runtime": 1.0, f"eval_f1_{NAMES['neutral']}": 0.5, "eval_x": NAMES["bearish"]}]
    return [
        report_text(metrics, [], has_page=False),
        card_text(card_contents(metrics, "someone/tiny", seed=0)),
        card_text(training_card("tiny", "someone/tiny", args, list(NAMES.values()), log)),
    ]


def test_markdown_holds_neither_markup_nor_commands(markdown):
    for text in markdown:
        assert "<img" not in text
        assert "\x1b" not in text
        assert "&lt;img" in text
        assert r"a\|b \*c\*" in text


def test_every_row_of_a_table_has_its_cells(markdown):
    for text in markdown:
        tables = text.replace(r"\|", "").split("\n\n")
        for table in (block for block in tables if block.startswith("| ")):
            assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_the_metadata_of_a_card_are_still_read(markdown):
    for text in markdown[1:]:
        assert ModelCard(text).data.library_name == "transformers"


def test_pages_show_the_names_as_text():
    names = list(NAMES.values())
    side = {"label": names[0], "probability": 0.9, "spans": [[0, 2]], "scores": [1.0]}
    example = {"text": "up", "label": names[0], "teacher": side, "student": side}
    page = html_page({"labels": names, "examples": [example]})
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "\x1b" not in page


def test_a_terminal_gets_no_commands_from_a_name():
    explanation = Explanation(
        text="up",
        words=["up"],
        spans=[(0, 2)],
        label=NAMES["bullish"],
        labels=(NAMES["bullish"],),
        scores_by_label={NAMES["bullish"]: [1.0]},
        probabilities={NAMES["bullish"]: 0.9},
        logits={NAMES["bullish"]: 2.2},
    )
    assert "\x1b" not in terminal(explanation, io.StringIO())
