# SPDX-License-Identifier: Apache-2.0
"""Several explanations of a text against one."""

import json

import numpy as np
import pytest
from datasets import Dataset

from research import multiple_explanations


def test_the_mean_and_all_labels_get_their_rows(experiment_options, tmp_path):
    multiple_explanations.main([*experiment_options, "--explainers=integrated_gradients,occlusion"])
    records = json.loads((tmp_path / "results" / "multiple_explanations.json").read_text())[
        "records"
    ]
    names = ["integrated_gradients", "occlusion", "mean of the explainers"]
    names += ["integrated_gradients, all labels", "no explanation term"]
    assert list(records) == names
    mean = records["mean of the explainers"]
    assert [one["name"] for one in mean["settings"]["explainers"]] == names[:2]
    assert [student["seed"] for student in mean["students"]] == [0, 1]
    # Between its parts: one is the reference itself, but for its fewer nodes.
    agreement = [records[name]["agreement"]["cosine"] for name in names[:3]]
    assert agreement[1] < agreement[2] < agreement[0]
    assert records[names[3]]["agreement"]["cosine"] > 0.9  # of the explained label
    report = (tmp_path / "results" / "multiple_explanations.md").read_text()
    assert report.startswith("# One explanation of a text, or several?")
    assert all(f"| {name} |" in report for name in names)


def test_the_mean_by_hand(experiment_options):
    spans = [[0, 1], [1, 2], [3, 5]]  # the first word has two tokens
    common = {"text": ["ab cd"], "teacher_explained_label": [0]}
    first = {"teacher_spans": [spans], "teacher_attributions": [[1.0, 2.0, 4.0]]}
    second = {"teacher_spans": [[[0, 2], [3, 5]]], "teacher_attributions": [[-10.0, 0.0]]}
    mean = multiple_explanations.mean_explanation(
        [Dataset.from_dict(common | first), Dataset.from_dict(common | second)]
    )
    assert mean["teacher_spans"][0] == [[0, 2], [3, 5]]
    assert mean["teacher_attributions"][0] == pytest.approx([(0.6 - 1) / 2, 0.8 / 2])


def test_zeros_stay_zeros(experiment_options):
    rows = {
        "text": ["ab"],
        "teacher_explained_label": [0],
        "teacher_spans": [[[0, 2]]],
        "teacher_attributions": [[0.0]],
    }
    mean = multiple_explanations.mean_explanation([Dataset.from_dict(rows)])
    assert np.array_equal(mean["teacher_attributions"][0], [0.0])
