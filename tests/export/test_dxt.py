# SPDX-License-Identifier: Apache-2.0
"""A student in integers answers almost as the trained one does."""

import numpy as np
import pytest

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime, which lies in runtime/")

from dixtill_hf.export.dxt import container, student_bytes, student_size, unicode_of
from dixtill_hf.export.fidelity import float_answers
from dixtill_hf.export.float_student import float_student
from dixtill_runtime import Classifier
from dixtill_runtime.container import read_container

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


def with_problem(data, problem_type, thresholds=()):
    """The same student for another type of problem, which the format has and no exporter yet."""
    read = read_container(data)
    sections = {tag: bytes(section) for tag, section in read.sections.items()}
    multiplier = round(2.0 ** (43 - read.head.logit_bits))
    head = read.head._replace(problem_type=problem_type, probability_multiplier=multiplier)
    sections["HEAD"] = head.pack()
    sections["CLSF"] += np.array(thresholds, dtype="<u4").tobytes()
    return container(sections)


def test_several_labels_have_a_sigmoid_and_a_threshold_each(device_model, sentences):
    data = student_bytes(float_student(*device_model))
    one = Classifier(data)
    several = Classifier(with_problem(data, 1, [1 << 22, 1 << 23, 3 << 22]))
    for text in sentences:
        logits = one(text).logits
        prediction = several(text)
        assert prediction.logits == logits
        expected = {name: 1 / (1 + np.exp(-logit)) for name, logit in logits.items()}
        assert prediction.probabilities == pytest.approx(expected, abs=1e-3)
        limits = zip(prediction.probabilities.items(), (0.25, 0.5, 0.75), strict=True)
        assert prediction.labels == tuple(n for (n, value), least in limits if value >= least)


def test_regression_has_outputs_and_no_probabilities(device_model, sentences):
    data = student_bytes(float_student(*device_model))
    prediction = Classifier(with_problem(data, 2))(sentences[0])
    assert prediction.logits == Classifier(data)(sentences[0]).logits
    assert prediction.probability is None
    assert prediction.probabilities == {}


def test_engines_agree_on_every_type_of_problem(device_model, sentences):
    pytest.importorskip("dixtill_runtime._core", reason="needs the compiled engine")
    data = student_bytes(float_student(*device_model))
    for changed in (data, with_problem(data, 1, [1, 2, 3]), with_problem(data, 2)):
        core, reference = (Classifier(changed, engine) for engine in ("core", "reference"))
        for text in sentences:
            assert core.integers(text) == reference.integers(text)
