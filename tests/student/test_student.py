# SPDX-License-Identifier: Apache-2.0
"""A student answers when it is called, comes back when it was saved, and what is none is named."""

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from dixtill_hf.distillation.building import build_student
from dixtill_hf.student.explaining import Explanation, explain
from dixtill_hf.student.student import Student, load_student

TEXTS = ["up <b>& away", "down"]


@pytest.fixture
def student() -> Student:
    built = build_student(["up up down down"], ["a", "b"], word_vectors="none", hidden_size=4)
    return Student(*built)


def test_one_text_gives_one_explanation_and_several_give_a_list(student):
    expected = explain(student.model, student.tokenizer, TEXTS)
    assert student(TEXTS) == student.explain(TEXTS) == expected
    assert student(TEXTS[0]).words == expected[0].words
    assert [one.label for one in student.explain(TEXTS, labels=["b", 0])] == ["b", "a"]


def test_a_saved_student_is_loaded_for_evaluation(student, tmp_path):
    student.model.train()
    assert student.save(tmp_path) == tmp_path
    loaded = load_student(tmp_path)
    assert not loaded.model.training
    assert loaded.labels == student.labels == ["a", "b"]
    assert loaded.tokenizer.get_vocab() == student.tokenizer.get_vocab()
    assert loaded(TEXTS) == student(TEXTS)
    assert (loaded.directory, student.directory) == (tmp_path, None)


def test_its_parts_are_those_of_transformers(student, tmp_path):
    student.save(tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    batch = AutoTokenizer.from_pretrained(tmp_path)(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = student.model.eval()(**batch).logits
        assert torch.equal(model(**batch).logits, expected)


def test_it_names_itself(student):
    assert repr(student).startswith("Student(labels=['a', 'b'], words=4, parameters=")


def test_what_is_no_student_is_refused(student, tiny_teacher_dir):
    other = AutoModelForSequenceClassification.from_pretrained(tiny_teacher_dir("bert"))
    with pytest.raises(TypeError, match=r"got BertForSequenceClassification.*distill\(\.\.\.\)"):
        Student(other, student.tokenizer)
    with pytest.raises(TypeError, match="must be a PreTrainedTokenizerFast"):
        Student(student.model, None)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match=r"There is no student in .*nothing.*dixtill-hf run"):
        load_student(tmp_path / "nothing")


def test_another_model_is_refused(tiny_teacher_dir):
    with pytest.raises(ValueError, match="holds a model of the type 'bert', not a student"):
        load_student(tiny_teacher_dir("bert"))


def make_explanation(**given) -> Explanation:
    fields = {
        "text": "so <b>up</b>",
        "words": ["so", "<", "up"],
        "spans": [(0, 2), (3, 4), (6, 8)],
        "label": "a&b",
        "labels": ("a&b",),
        "scores_by_label": {"a&b": [-0.5, 0.0, 2.0]},
        "probabilities": {"a&b": 0.75, "c": 0.25},
        "logits": {"a&b": 1.1, "c": 0.0},
    }
    return Explanation(**{**fields, **given})


def test_an_explanation_prints_one_line_a_word():
    lines = str(make_explanation()).splitlines()
    assert lines == ["a&b (0.750)", "-0.500  so", "+0.000  <", "+2.000  up"]


def test_several_labels_are_printed_one_after_the_other():
    both = {"a&b": [-0.5, 0.0, 2.0], "c": [1.0, 0.0, 0.0]}
    lines = str(make_explanation(scores_by_label=both)).splitlines()
    assert [lines[0], lines[4], lines[5]] == ["a&b (0.750)", "c (0.250)", "+1.000  so"]
    assert make_explanation(scores_by_label=both)._repr_html_().count("<p>") == 2


def test_deciding_words_speak_for_the_label_the_strongest_first():
    words, scores = ["so", "up", "up", "far"], [1.0, 2.0, 2.0, -3.0]
    one = make_explanation(words=words, spans=[(0, 1)] * 4, scores_by_label={"a&b": scores})
    assert one.deciding_words(2) == ["up", "up"]
    assert one.deciding_words(9) == ["up", "up", "so"]


def test_a_regression_prints_its_value():
    value = make_explanation(probabilities={}, labels=())
    assert value.probability is None
    assert str(value).splitlines()[0] == "a&b = 1.100"


def test_a_notebook_shows_the_whole_text_escaped():
    shown = make_explanation()._repr_html_()
    assert "<b>a&amp;b</b> (0.750)" in shown
    assert "<b>up" not in shown
    assert "rgba(31,119,180,1.00)" in shown
    assert "rgba(255,127,14,0.25)" in shown
    plain = "".join(part.split(">", 1)[-1] for part in shown.split("<br>")[1].split("<"))
    assert plain == "so &lt;b&gt;up&lt;/b&gt;"


def test_a_text_without_words_can_be_shown():
    empty = make_explanation(text="", words=[], spans=[], scores_by_label={"a&b": []})
    assert str(empty) == "a&b (0.750)"
    assert empty._repr_html_() == "<p><b>a&amp;b</b> (0.750)<br></p>"


def test_nothing_in_a_label_or_text_commands_a_terminal():
    evil = "a\x1b[2J\nb\x9b2J"
    explained = {"scores_by_label": {evil: [1.0, 0.0, 2.0]}, "probabilities": {evil: 0.75}}
    shown = str(make_explanation(label=evil, words=["so\x1b[31m", "<", "up\r"], **explained))
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert shown.splitlines()[0].startswith("a\ufffd[2J b\ufffd2J (0.750)")
    assert len(shown.splitlines()) == 4
