# SPDX-License-Identifier: Apache-2.0
"""The card of a student shows names as they are written, whatever marks they hold."""

from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from dixtill_hf.distillation.arguments import DistillationArguments
from dixtill_hf.distillation.model_card import card_text, training_card

EVIL = [
    "line\nbreak",
    "<img src=x onerror=alert(1)>",
    "\x1b[31mred",
    "**bold** | `code`",
    "[link](javascript:alert(1))",
    "---",
    "$x_1$",
    "{{ config }}",
]


def test_marks_in_labels_stay_text(tmp_path):
    args = DistillationArguments(output_dir=str(tmp_path))
    card = card_text(training_card("student", "org/student", args, EVIL, []))
    parsed = ModelCard(card)
    assert parsed.data.library_name == "transformers"
    assert "\x1b" not in card
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(parsed.text)
    for markup in ("<img", "<strong>bold", "<code>code", 'javascript:alert(1)"'):
        assert markup not in page
    assert "line break" in page
    assert "**bold** | `code`" in page
    assert "{{ config }}" in page


def test_the_card_says_what_kind_of_task_it_is(tmp_path):
    args = DistillationArguments(output_dir=str(tmp_path))
    given = ("student", "org/student", args, ["joy", "love"], [])
    several = card_text(training_card(*given, problem_type="multi_label_classification"))
    assert "any number of the labels joy, love" in several
    assert "binary cross-entropy with the labels" in several
    value = card_text(training_card(*given, problem_type="regression"))
    assert "a number for each of joy, love" in value
    assert "squared distance from the labels" in value
    assert "mse of the teacher's logits" in value


def test_the_card_names_the_cell(tmp_path):
    args = DistillationArguments(output_dir=str(tmp_path))
    given = ("student", "org/student", args, ["joy", "love"], [])
    lstm, gru = (card_text(training_card(*given, cell=cell)) for cell in ("lstm", "gru"))
    assert "a bidirectional LSTM" in lstm
    assert "- bilstm\n" in lstm
    assert "a bidirectional GRU" in gru
    assert "bilstm" not in gru
