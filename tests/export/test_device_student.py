# SPDX-License-Identifier: Apache-2.0
"""Limits of size are kept, or refused with the smallest that can be."""

import copy
import re

import pytest

pytest.importorskip("dixtill_runtime", reason="needs dixtill-runtime, which lies in runtime/")

from dixtill_hf.export.device_student import (
    choices_within,
    integer_answers,
    make_device_student,
    with_dimensions,
)
from dixtill_hf.export.dxt import student_bytes
from dixtill_hf.export.fidelity import LabelledTexts, float_answers, measure_fidelity
from dixtill_hf.export.float_student import float_student
from dixtill_runtime import Classifier


@pytest.fixture(scope="module")
def validation(sentences):
    return LabelledTexts("sentences", sentences, [index % 3 for index in range(len(sentences))])


def test_a_student_is_as_it_was_to_itself(device_model, validation):
    trained = float_answers(*device_model, validation.texts)
    answers = dict(zip(validation.texts, trained, strict=True))
    fidelity = measure_fidelity(trained, answers.__getitem__, validation, device_model[0].config)
    assert fidelity.same_label == fidelity.same_top3 == 1
    assert fidelity.cosine == pytest.approx(1)
    assert fidelity.macro_f1 == fidelity.float_macro_f1


def test_what_was_measured_is_in_the_file(device_model, validation):
    student = make_device_student(*device_model, "tiny", validation=validation, licences=["GloVe"])
    meta = Classifier(student.data).meta
    assert meta["measured"]["data"] == "sentences"
    assert meta["measured"]["same_label"] == student.fidelity.same_label > 0.9
    assert meta["licences"][-1] == "GloVe"
    assert any("Macro F1" in line for line in student.report)


@pytest.mark.parametrize("saved", [200, 800])
@pytest.mark.slow
def test_a_limit_is_kept(device_model, validation, saved):
    whole = len(make_device_student(*device_model, "tiny", bits="8").data)
    student = make_device_student(
        *device_model, "tiny", max_bytes=whole - saved, validation=validation
    )
    assert len(student.data) <= whole - saved
    assert student.report[0].startswith("Chosen: ")
    integer_answers(student.data)(validation.texts[0])


def test_a_limit_that_cannot_be_met_names_the_smallest(device_model, validation):
    with pytest.raises(ValueError, match=r"max_bytes=1,000 cannot be met") as refusal:
        make_device_student(*device_model, "tiny", max_bytes=1_000, validation=validation)
    smallest = int(re.search(r"has ([\d,]+) bytes", str(refusal.value))[1].replace(",", ""))
    student = make_device_student(*device_model, "tiny", max_bytes=smallest, validation=validation)
    assert len(student.data) <= smallest


def test_a_limit_needs_texts_to_choose_on(device_model):
    with pytest.raises(ValueError, match="max_bytes needs texts to choose on"):
        make_device_student(*device_model, "tiny", max_bytes=100_000)


def test_fewer_dimensions_keep_what_the_gates_read(device_model):
    student = float_student(*device_model)
    narrow = with_dimensions(student, 9)

    def gates(of):
        return of.vectors @ of.directions[0].input_weight.T

    lost = ((gates(narrow) - gates(student)) ** 2).sum() / (gates(student) ** 2).sum()
    assert narrow.dimensions == 9
    assert 0 < lost < 0.1


def test_choices_fit_and_none_is_better_in_all(device_model):
    student = float_student(*device_model)
    choices = choices_within(student, ["8", "4"], len(student_bytes(student)), {})
    assert choices
    for choice in choices:
        assert choice.bits in ("8", "4")
        assert choice.student.dimensions <= student.dimensions


@pytest.mark.parametrize(
    ("problem_type", "labels"),
    [
        ("multi_label_classification", lambda index: [index % 3, (index + 1) % 3]),
        ("regression", lambda index: [0.1 * index, 1.0, -0.2 * index]),
    ],
)
def test_students_of_every_problem_are_measured(device_model, sentences, problem_type, labels):
    model = copy.deepcopy(device_model[0])
    model.config.problem_type = problem_type
    texts = LabelledTexts("sentences", sentences, [labels(i) for i in range(len(sentences))])
    student = make_device_student(model, device_model[1], "tiny", validation=texts)
    measured = Classifier(student.data).meta["measured"]
    assert student.fidelity.agreement > 0.9
    assert ("macro_f1" in measured) == (problem_type != "regression")
    assert ("mean_absolute_error" in measured) == (problem_type == "regression")
    assert Classifier(student.data).problem_type == problem_type
    limit = len(student.data) - 200
    small = make_device_student(model, device_model[1], "tiny", max_bytes=limit, validation=texts)
    assert len(small.data) <= limit
