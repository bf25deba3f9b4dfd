# SPDX-License-Identifier: Apache-2.0
"""The labels of the data beside those of the teacher: when they are read, and how they meet."""

import json
import shutil

import numpy as np
import pytest
from datasets import ClassLabel, DatasetDict, Value

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.data import columns
from dixtill_hf.teacher.loading import LabelMismatchError, load_teacher


def test_texts_need_no_labels_for_what_the_teacher_predicts(
    dataset, cheaply, teacher_dir, teacher_labels
):
    wanted = cheaply(dataset)
    bare = dataset.select_columns(["text"])
    loaded = load_teacher(teacher_dir, teacher_labels[::-1])
    for teacher, order in ((teacher_dir, slice(None)), (loaded, slice(None, None, -1))):
        annotated = cheaply(bare, teacher=teacher)
        logits = np.array(annotated[columns.TEACHER_LOGITS][:])[:, order]
        np.testing.assert_allclose(logits, wanted[columns.TEACHER_LOGITS][:], atol=1e-6)


def test_a_split_without_labels_takes_the_order_of_those_that_have_some(
    dataset, cheaply, teacher_dir, teacher_labels
):
    feature = ClassLabel(names=teacher_labels[::-1])
    turned = dataset.remove_columns("label").add_column(
        "label", [0] * len(dataset), feature=feature
    )
    data = DatasetDict(more=dataset.select_columns(["text"]), train=turned)
    annotated = cheaply(data, teacher=teacher_dir)
    straight = cheaply(dataset, teacher=teacher_dir)
    for split in annotated.values():
        logits = np.array(split[columns.TEACHER_LOGITS][:])[:, ::-1]
        np.testing.assert_allclose(logits, straight[columns.TEACHER_LOGITS][:], atol=1e-6)


@pytest.mark.parametrize(("target", "texts"), [("predicted", 0), ("true", 12)])
def test_new_labels_are_a_new_annotation_only_where_they_are_explained(
    dataset, cheaply, computed, target, texts
):
    cheaply(dataset, target=target)
    computed.clear()
    cheaply(dataset.map(lambda row: {"label": (row["label"] + 1) % 3}), target=target)
    assert len(computed) == texts


def test_a_loaded_teacher_must_answer_in_the_order_of_the_labels(dataset, teacher, teacher_labels):
    turned = dataset.cast_column("label", ClassLabel(names=teacher_labels[::-1]))
    with pytest.raises(LabelMismatchError, match=r"are in the order.*with label_names="):
        annotate(turned, teacher)


def test_labels_without_names_cannot_be_matched(dataset, teacher_dir, tmp_path, cheaply):
    numbers = dataset.cast_column("label", Value("int64"))
    words = dataset.remove_columns("label").add_column("label", ["bearish"] * len(dataset))
    for unnamed in (numbers, words):
        with pytest.raises(LabelMismatchError, match=r"not class labels.*ClassLabel\(names"):
            annotate(unnamed, teacher_dir)
    unlabelled = numbers.map(lambda row: {"label": -100})
    assert "teacher_logits" in cheaply(unlabelled, teacher=teacher_dir).column_names

    shutil.copytree(teacher_dir, tmp_path / "unnamed")
    path = tmp_path / "unnamed" / "config.json"
    names = {str(label): f"LABEL_{label}" for label in range(3)}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"id2label": names}))
    assert "teacher_logits" in cheaply(numbers, teacher=tmp_path / "unnamed").column_names
