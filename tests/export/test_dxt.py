# SPDX-License-Identifier: Apache-2.0
"""A student in integers answers almost as the trained one does."""

import copy
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime, which lies in runtime/")

from dixtill_hf.export.dxt import student_bytes, student_size, unicode_of
from dixtill_hf.export.fidelity import float_answers
from dixtill_hf.export.float_student import PROBLEM_TYPES, float_student
from dixtill_runtime import Classifier

from .conftest import random_student


@pytest.mark.parametrize(("bits", "most"), [("8", 0.02), ("4", 0.3), ("pq", 0.02)])
@pytest.mark.slow
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


@pytest.fixture
def of_problem(device_model):
    """Makes the student of another problem; its weights stay."""
    model, tokenizer = device_model

    def make(**fields):
        changed = copy.deepcopy(model)
        for name, value in fields.items():
            setattr(changed.config, name, value)
        return changed, tokenizer

    return make


def test_several_labels_have_a_sigmoid_and_a_threshold_each(of_problem, sentences):
    thresholds = (0.25, 0.5, 0.75)
    model = of_problem(problem_type="multi_label_classification", thresholds=list(thresholds))
    classifier = Classifier(student_bytes(float_student(*model)))
    assert classifier.thresholds == thresholds
    for text, trained in zip(sentences, float_answers(*model, sentences), strict=True):
        prediction = classifier(text)
        expected = dict(zip(classifier.labels, 1 / (1 + np.exp(-trained.logits)), strict=True))
        assert prediction.probabilities == pytest.approx(expected, abs=5e-3)
        limits = zip(prediction.probabilities.items(), thresholds, strict=True)
        assert prediction.labels == tuple(n for (n, value), least in limits if value >= least)


def test_thresholds_are_a_half_if_none_were_chosen(of_problem):
    model = of_problem(problem_type="multi_label_classification")
    assert Classifier(student_bytes(float_student(*model))).thresholds == (0.5, 0.5, 0.5)


def test_thresholds_that_are_no_probabilities_are_refused(of_problem):
    model = of_problem(problem_type="multi_label_classification", thresholds=[0.5, 2])
    with pytest.raises(ValueError, match="thresholds must be 3 probabilities"):
        float_student(*model)


def test_regression_has_outputs_and_no_probabilities(of_problem, sentences):
    model = of_problem(problem_type="regression")
    prediction = Classifier(student_bytes(float_student(*model)))(sentences[0])
    (trained,) = float_answers(*model, sentences[:1])
    assert list(prediction.logits.values()) == pytest.approx(trained.logits, abs=0.02)
    assert prediction.probability is None
    assert prediction.probabilities == {}


def test_a_regression_may_have_one_output(device_model, sentences):
    several = float_student(*device_model)
    one = replace(
        several,
        classifier_weight=several.classifier_weight[:1],
        classifier_bias=several.classifier_bias[:1],
        labels=("score",),
        problem_type="regression",
    )
    (output,) = Classifier(student_bytes(one))(sentences[0]).logits.values()
    first, *_ = Classifier(student_bytes(several))(sentences[0]).logits.values()
    assert output == first


def test_an_unsure_prediction_is_no_answer(device_model, sentences):
    student = replace(float_student(*device_model), answer_threshold=0.5)
    classifier = Classifier(student_bytes(student))
    assert classifier.answer_threshold == 0.5
    sure = {classifier(text).answered: classifier(text).probability for text in sentences}
    assert sure[True] >= 0.5 > sure[False]


def test_a_temperature_softens_the_probabilities_only(device_model, sentences):
    student = float_student(*device_model)
    plain, soft = (
        Classifier(student_bytes(replace(student, temperature=temperature)))(sentences[0])
        for temperature in (1.0, 2.0)
    )
    assert soft.logits == plain.logits
    powers = np.exp(np.array(list(plain.logits.values())) / 2)
    expected = powers / powers.sum()
    assert list(soft.probabilities.values()) == pytest.approx(expected, abs=1e-5)


def test_engines_agree_on_every_type_of_problem(of_problem, sentences):
    pytest.importorskip("dixtill_runtime._core", reason="needs the compiled engine")
    for problem_type in PROBLEM_TYPES:
        data = student_bytes(float_student(*of_problem(problem_type=problem_type)))
        core, reference = (Classifier(data, engine) for engine in ("core", "reference"))
        for text in sentences:
            assert core.integers(text) == reference.integers(text)
