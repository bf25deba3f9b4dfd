# SPDX-License-Identifier: Apache-2.0
"""Classifiers in PyTorch: what they feed their model, and probabilities that know no batches."""

import numpy as np
import pytest
import torch

from dixtill_hf.evaluation.classifiers import PyTorchClassifier, predict_probabilities
from dixtill_hf.evaluation.faithfulness import teacher_probabilities
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.tokenization import train_word_tokenizer
from dixtill_hf.teacher.loading import Teacher, load_teacher

LABELS = ["neutral", "bearish", "bullish"]


def of_teacher(teacher: Teacher) -> PyTorchClassifier:
    return PyTorchClassifier(
        teacher.model, teacher.tokenizer, "teacher", teacher.label_order, teacher.max_length
    )


@pytest.fixture(scope="module")
def teacher(tiny_teacher_dir) -> Teacher:
    return load_teacher(tiny_teacher_dir("bert"), LABELS)


@pytest.fixture(scope="module")
def student(sentences) -> PyTorchClassifier:
    tokenizer = train_word_tokenizer(sentences)
    torch.manual_seed(0)
    config = DixtillConfig(vocab_size=len(tokenizer), hidden_size=4, num_labels=3)
    return PyTorchClassifier(DixtillForSequenceClassification(config), tokenizer, "student")


def test_every_architecture_answers_in_the_order_of_the_datas_labels(each_teacher_dir, sentences):
    teacher = load_teacher(each_teacher_dir, LABELS)
    expected = teacher_probabilities(teacher, sentences)
    answers = predict_probabilities(of_teacher(teacher), sentences, batch_size=5)
    np.testing.assert_allclose(answers, expected, atol=1e-6)


def test_batches_and_padding_change_nothing(student, sentences):
    texts = [*sentences, ""]
    expected = [predict_probabilities(student, [text])[0] for text in texts]
    np.testing.assert_allclose(predict_probabilities(student, texts, 4), expected, atol=1e-6)
    padded = student.logits(student.tokenize(texts, pad_to=40))
    np.testing.assert_allclose(padded, student.logits(student.tokenize(texts)), atol=1e-6)


@pytest.mark.parametrize("pad_to", [3, 40])
def test_batches_have_the_width_that_is_asked_for(student, teacher, sentences, pad_to):
    for classifier in (student, of_teacher(teacher)):
        assert classifier.tokenize(sentences, pad_to)["input_ids"].shape == (12, pad_to)


def test_unpadded_batches_have_the_width_of_their_longest_text(student):
    assert student.tokenize(["Acme fell", "Acme"])["input_ids"].shape == (2, 2)


def test_texts_beyond_the_limit_are_cut(teacher):
    classifier = of_teacher(teacher)
    assert classifier.tokenize(["Acme fell " * 100])["input_ids"].shape == (1, 64)
    with pytest.raises(ValueError, match="pad_to is 150, but 'teacher' reads at most 64 tokens"):
        classifier.tokenize(["Acme fell"], pad_to=150)


def test_a_student_reads_with_a_teachers_tokenizer(teacher, sentences):
    config = DixtillConfig(vocab_size=len(teacher.tokenizer), hidden_size=4, num_labels=3)
    model = DixtillForSequenceClassification(config)
    classifier = PyTorchClassifier(model, teacher.tokenizer, "student")
    assert "token_type_ids" in teacher.tokenizer.model_input_names
    assert predict_probabilities(classifier, sentences).shape == (12, 3)


def test_a_batch_without_any_word_is_answered(student):
    bias = student.model.classifier.bias.detach()
    np.testing.assert_allclose(
        predict_probabilities(student, ["", " "]), bias.softmax(-1).expand(2, -1), atol=1e-6
    )


def test_dropout_is_off(student, sentences):
    student.model.train()
    again = PyTorchClassifier(student.model, student.tokenizer, "student")
    once, twice = (predict_probabilities(again, sentences) for _ in range(2))
    np.testing.assert_array_equal(once, twice)


@pytest.mark.parametrize(("texts", "batch_size"), [([], 32), (["Acme"], 0)])
def test_nothing_to_predict_is_an_error(student, texts, batch_size):
    with pytest.raises(ValueError, match="both must be at least 1"):
        predict_probabilities(student, texts, batch_size)
