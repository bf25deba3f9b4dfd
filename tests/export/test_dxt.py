# SPDX-License-Identifier: Apache-2.0
"""A student in integers answers almost as the trained one does."""

import numpy as np
import pytest

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime, which lies in runtime/")

from dixtill_hf.export.dxt import student_bytes, student_size, unicode_of
from dixtill_hf.export.fidelity import float_answers
from dixtill_hf.export.float_student import float_student
from dixtill_runtime import Classifier

from .conftest import random_student


@pytest.mark.parametrize(("bits", "most"), [("8", 0.02), ("4", 0.3), ("pq", 0.02)])
def test_logits_and_contributions_are_near_the_trained_ones(device_model, sentences, bits, most):
    # There are fewer words than centroids, so product quantisation has one for each.
    data = student_bytes(float_student(*device_model), bits)
    classifier = Classifier(data)
    for text, trained in zip(sentences, float_answers(*device_model, sentences), strict=True):
        answer = classifier.integers(text)
        logits = np.array(answer.logits) * classifier.logit_unit
        np.testing.assert_allclose(logits, trained.logits, atol=most)
        contributions = np.array(answer.contributions) * classifier.logit_unit
        np.testing.assert_allclose(contributions, trained.explanations, atol=most)


def test_probabilities_are_those_of_the_logits(device_model, sentences):
    classifier = Classifier(student_bytes(float_student(*device_model)))
    for text in sentences:
        prediction = classifier(text)
        powers = np.exp(list(prediction.logits.values()))
        expected = powers / powers.sum()
        np.testing.assert_allclose(list(prediction.probabilities.values()), expected, atol=1e-5)


def test_a_student_that_explains_by_attention(sentences):
    model, tokenizer = random_student(sentences, explanation="attention")
    classifier = Classifier(student_bytes(float_student(model, tokenizer)))
    for text, trained in zip(sentences, float_answers(model, tokenizer, sentences), strict=True):
        scores = [word.score for word in classifier(text).words]
        np.testing.assert_allclose(scores, trained.explanations[:, 0], atol=0.02)


def test_texts_are_cut_where_the_student_cuts_them(device_model):
    model, tokenizer = device_model
    tokenizer.model_max_length = 5
    try:
        classifier = Classifier(student_bytes(float_student(model, tokenizer)))
        text = "the board will meet on tuesday"
        assert len(classifier(text).words) == 5
        assert classifier(text).cut
    finally:
        tokenizer.model_max_length = 10**30


@pytest.mark.parametrize("bits", ["8", "4", "pq"])
def test_the_size_is_known_before(device_model, bits):
    student = float_student(*device_model)
    assert student_size(student, bits, unicode_of(student)) == len(student_bytes(student, bits))
