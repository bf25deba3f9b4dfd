# SPDX-License-Identifier: Apache-2.0
"""Explanations of texts: words, scores and probabilities, alone and in batches."""

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.explaining import explain
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import train_word_tokenizer

Student = tuple[DixtillForSequenceClassification, PreTrainedTokenizerFast]
TEXTS = ["Acme FELL 3.5%", "", "Café rises, unknownword too"]
LABELS = {0: "bearish", 1: "bullish", 2: "neutral"}


@pytest.fixture
def student() -> Student:
    torch.manual_seed(0)
    tokenizer = train_word_tokenizer(["acme fell 3 . 5 % cafe rises , too"])
    config = DixtillConfig(vocab_size=len(tokenizer), hidden_size=4, id2label=LABELS)
    model = DixtillForSequenceClassification(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model.eval(), tokenizer


def test_words_stand_in_the_text(student: Student) -> None:
    first, second, third = explain(*student, TEXTS)
    assert first.words == ["Acme", "FELL", "3", ".", "5", "%"]
    assert (second.words, second.spans, second.scores) == ([], [], [])
    assert third.words == ["Café", "rises", ",", "unknownword", "too"]
    assert third.spans[:3] == [(0, 4), (5, 10), (10, 11)]


def test_scores_are_the_contributions_to_the_predicted_label(student: Student) -> None:
    model, tokenizer = student
    [explanation] = explain(model, tokenizer, TEXTS[:1])
    output = model(**tokenizer(TEXTS[0], return_tensors="pt"), output_contributions=True)
    label = int(output.logits.argmax())
    assert explanation.label == LABELS[label]
    assert explanation.scores == pytest.approx(output.contributions[0, :, label].tolist())
    probabilities = output.logits.softmax(dim=1)[0].tolist()
    assert explanation.probabilities == pytest.approx(
        dict(zip(LABELS.values(), probabilities, strict=True))
    )
    assert explanation.probability == explanation.probabilities[explanation.label]


def test_scores_may_be_the_attention(student: Student) -> None:
    model, tokenizer = student
    model.config.explanation = "attention"
    [explanation] = explain(model, tokenizer, TEXTS[:1])
    output = model(**tokenizer(TEXTS[0], return_tensors="pt"))
    assert explanation.scores == pytest.approx(output.attention_scores[0].tolist())


def test_labels_may_be_given_by_name_or_id(student: Student) -> None:
    by_name = explain(*student, TEXTS, labels=["neutral", "bearish", "bullish"])
    by_id = explain(*student, TEXTS, labels=[2, 0, 1])
    assert by_name == by_id
    assert [explanation.label for explanation in by_id] == ["neutral", "bearish", "bullish"]


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_batches_change_nothing(student: Student, padding_side: str) -> None:
    model, tokenizer = student
    tokenizer.padding_side = padding_side
    together = explain(model, tokenizer, TEXTS)
    for one, other in zip(together, explain(model, tokenizer, TEXTS, batch_size=1), strict=True):
        assert one.words == other.words
        assert one.scores == pytest.approx(other.scores, abs=1e-6)
        assert one.probability == pytest.approx(other.probability, abs=1e-6)


def test_the_model_keeps_its_mode(student: Student) -> None:
    model, tokenizer = student
    evaluated = explain(model, tokenizer, TEXTS)
    assert explain(model.train(), tokenizer, TEXTS) == evaluated
    assert model.training


def test_no_texts(student: Student) -> None:
    assert explain(*student, []) == []


@pytest.mark.parametrize(
    ("texts", "labels", "error", "message"),
    [
        ("one text", None, TypeError, "got one string"),
        (TEXTS, ["bullish"], ValueError, "got 1 for 3 texts"),
        (TEXTS[:1], ["Bullish"], ValueError, "label 'Bullish' of text 0.*mean 'bullish'"),
        (TEXTS[:1], [3], ValueError, "it knows 'bearish', 'bullish', 'neutral'"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    student: Student, texts: object, labels: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        explain(*student, texts, labels=labels)


def test_special_tokens_of_another_models_tokenizer_are_no_words(tiny_teacher_dir):
    tokenizer = AutoTokenizer.from_pretrained(tiny_teacher_dir("bert"))
    config = DixtillConfig(vocab_size=len(tokenizer), hidden_size=4, num_labels=2)
    model = DixtillForSequenceClassification(config)
    (explanation,) = explain(model, tokenizer, ["Acme fell."])
    assert "".join(explanation.words) == "Acmefell."
    assert len(explanation.scores) == len(explanation.words)


def several(student: Student, **settings: object) -> Student:
    model, tokenizer = student
    model.config.problem_type = "multi_label_classification"
    for name, value in settings.items():
        setattr(model.config, name, value)
    return model, tokenizer


def test_every_label_that_reaches_its_threshold_is_explained(student: Student) -> None:
    model, tokenizer = several(student, thresholds=[0.0, 0.0, 1.0])
    [explanation] = explain(model, tokenizer, TEXTS[:1])
    assert explanation.labels == ("bearish", "bullish")
    assert set(explanation.scores_by_label) == {"bearish", "bullish"}
    for label, scores in explanation.scores_by_label.items():
        [alone] = explain(model, tokenizer, TEXTS[:1], labels=[label])
        assert alone.scores == pytest.approx(scores)
    inputs = tokenizer(TEXTS[0], return_tensors="pt")
    expected = model(**inputs).logits.sigmoid()[0].tolist()
    assert list(explanation.probabilities.values()) == pytest.approx(expected)


def test_the_most_probable_label_is_explained_if_none_reaches_its_threshold(
    student: Student,
) -> None:
    model, tokenizer = several(student, thresholds=[1.0, 1.0, 1.0])
    for explanation in explain(model, tokenizer, TEXTS):
        assert explanation.labels == ()
        best = max(explanation.probabilities, key=explanation.probabilities.get)
        assert [explanation.label, list(explanation.scores_by_label)] == [best, [best]]


def test_each_value_of_a_regression_is_explained(student: Student) -> None:
    model, tokenizer = student
    model.config.problem_type = "regression"
    [explanation] = explain(model, tokenizer, TEXTS[:1])
    assert set(explanation.scores_by_label) == set(LABELS.values())
    assert (explanation.labels, explanation.probability) == ((), None)
    assert explanation.probabilities == {}
