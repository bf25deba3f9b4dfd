# SPDX-License-Identifier: Apache-2.0
"""The best student of a run is measured in integers, unless there is nothing to measure with."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from datasets import Dataset

from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN, TEXT
from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.student.student import Student
from dixtill_hf.student.tokenization import train_word_tokenizer
from dixtill_hf.workflow import device_stage
from dixtill_hf.workflow.device_stage import measure_on_device
from dixtill_hf.workflow.student_jobs import StudentJob

pytest.importorskip("dixtill_runtime._core", reason="needs the compiled dixtill-runtime")


@pytest.fixture
def job(tmp_path, sentences):
    tokenizer = train_word_tokenizer(sentences)
    config = DixtillConfig(len(tokenizer), hidden_size=12, embedding_size=10, num_labels=3)
    model = DixtillForSequenceClassification(config)
    Student(model, tokenizer).save(tmp_path / "student")
    fields = dict.fromkeys(StudentJob.__dataclass_fields__)
    named = {"method": "dixtill", "preset": "default", "seed": 1, "fingerprint": "0"}
    return StudentJob(**{**fields, **named, "directory": tmp_path / "student"})


@pytest.fixture
def context(tmp_path):
    return SimpleNamespace(cache=OutputCache(tmp_path / "cache"))


@pytest.fixture
def split(sentences):
    labels = [LABEL_UNKNOWN, *(index % 3 for index in range(1, len(sentences)))]
    return Dataset.from_dict({TEXT: sentences, LABEL: labels})


def test_every_form_is_measured_on_the_labelled_texts(context, job, split):
    measured = measure_on_device(context, job, split)
    assert (measured["method"], measured["seed"]) == ("dixtill", 1)
    assert [form["bits"] for form in measured["forms"]] == ["8", "4", "pq"]
    assert all(form["texts"] == len(split) - 1 for form in measured["forms"])
    assert measured["forms"][0]["bytes"] < measured["trained_bytes"] * 10


def test_what_was_measured_is_kept(context, job, split, monkeypatch):
    before = measure_on_device(context, job, split)
    monkeypatch.setattr(device_stage, "float_student", None)
    assert measure_on_device(context, job, split) == before


def test_nothing_is_measured_without_labels_or_runtime(context, job, split, monkeypatch):
    unknown = Dataset.from_dict({TEXT: ["a"], LABEL: [LABEL_UNKNOWN]})
    assert measure_on_device(context, job, unknown) is None
    monkeypatch.setattr(device_stage, "find_spec", lambda _: None)
    assert measure_on_device(context, job, split) is None


def test_a_student_that_no_device_carries_is_refused_with_the_reason(
    context, job, split, monkeypatch
):
    def refuse(*_):
        raise ValueError("one layer")

    monkeypatch.setattr(device_stage, "float_student", refuse)
    measured = measure_on_device(context, replace(job, fingerprint="1"), split)
    assert measured["refused"] == "one layer"
