# SPDX-License-Identifier: Apache-2.0
"""Baselines are found by the name that the user types; each makes, saves, loads and describes."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict

from dixtill_hf.baselines.base import Baseline, get_baseline, known_baselines
from dixtill_hf.teacher.loading import load_teacher

NAMES = {
    "onnx", "int8-dynamic", "int8-static", "openvino", "openvino-int8", "openvino-int8-static",
    "heads", "bag_of_words",
}  # fmt: skip


@pytest.fixture(scope="module")
def teacher(tiny_teacher_dir, teacher_labels):
    return load_teacher(tiny_teacher_dir("bert"), label_names=teacher_labels)


@pytest.fixture(scope="module")
def data(sentences, teacher_labels):
    rows = {"text": sentences, "label": [i % 3 if i % 4 else -100 for i in range(len(sentences))]}
    split = Dataset.from_dict(rows).cast_column("label", ClassLabel(names=teacher_labels))
    return DatasetDict(train=split, validation=split)


def installed(name: str) -> Baseline:
    baseline = get_baseline(name)
    try:
        baseline.check_installed()
    except ImportError as error:
        pytest.skip(str(error))
    return baseline


def test_the_folder_is_searched_for_baselines():
    assert set(known_baselines()) >= NAMES
    assert all(name == one.name for name, one in known_baselines().items())


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'int8-static'"):
        get_baseline("int8-statik")


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_is_made_is_loaded(name, teacher, data, sentences, tmp_path):
    baseline = installed(name)
    baseline.make(teacher, data, tmp_path / name)
    classifier = type(baseline).load(tmp_path / name, threads=1)
    assert (classifier.name, classifier.runtime) == (baseline.label_for(teacher), baseline.runtime)
    logits = classifier.logits(classifier.tokenize(sentences[:4]))
    assert logits.shape == (4, 3)
    assert np.isfinite(logits).all()
    assert baseline.describe(tmp_path / name)["settings"] is not None
    assert baseline.parameters(tmp_path / name) != 0


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_baseline_depends_on_its_texts(name, teacher, data):
    baseline = installed(name)
    fewer = DatasetDict({split: rows.select(range(1, 9)) for split, rows in data.items()})
    assert baseline.depends_on(teacher, data) == baseline.depends_on(teacher, data)
    assert baseline.depends_on(teacher, data) != baseline.depends_on(teacher, fewer)
