# SPDX-License-Identifier: Apache-2.0
"""A classifier's measures are those of its probabilities; unlabelled texts do not count."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset

from dixtill_hf.workflow.scoring import calibration, measures


@pytest.fixture
def test_split() -> Dataset:
    rows = {
        "text": ["a", "b", "c", "d"],
        "label": [0, 1, 1, -100],
        "teacher_logits": [[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 3.0]],
    }
    return Dataset.from_dict(rows).cast_column("label", ClassLabel(names=["down", "up"]))


PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])


def test_measures_by_hand(test_split: Dataset):
    found = measures(PROBABILITIES, test_split)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["teacher_agreement"] == 1.0
    # down: one right, one wrong, none missed; up: one right, one missed.
    assert found["f1_per_class"] == pytest.approx({"down": 2 / 3, "up": 2 / 3})
    # Each text in a bin of its own: (0.1 + 0.2 + 0.6) / 3.
    assert found["calibration_error"] == pytest.approx(0.3)


def test_without_labels_there_is_no_calibration(test_split: Dataset):
    unlabelled = test_split.select([3])
    assert calibration(PROBABILITIES[3:], unlabelled) == {
        "calibration_error": None,
        "f1_per_class": None,
    }
