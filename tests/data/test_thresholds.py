# SPDX-License-Identifier: Apache-2.0
"""The threshold of each label is the one with the best F1."""

import numpy as np
from sklearn.metrics import f1_score

from dixtill_hf.data.thresholds import best_thresholds


def test_no_other_threshold_is_better() -> None:
    generator = np.random.default_rng(0)
    right = generator.integers(0, 2, (60, 4)).astype(float)
    probabilities = np.clip(0.3 * right + generator.random((60, 4)) * 0.7, 0, 1)
    for label, best in enumerate(best_thresholds(probabilities, right)):
        every = [
            f1_score(right[:, label], probabilities[:, label] >= least)
            for least in np.linspace(0, 1, 201)
        ]
        assert f1_score(right[:, label], probabilities[:, label] >= best) >= max(every) - 1e-12


def test_thresholds_lie_between_texts_and_unlabelled_texts_do_not_count() -> None:
    probabilities = [[0.2], [0.4], [0.8], [0.9]]
    assert best_thresholds(probabilities, [[0], [0], [1], [1]]) == [(0.4 + 0.8) / 2]
    assert best_thresholds(probabilities, [[0], [np.nan], [1], [1]]) == [0.5]


def test_a_label_that_no_text_has_keeps_one_half() -> None:
    assert best_thresholds([[0.2, 0.3]], [[0, 0]]) == [0.5, 0.5]
