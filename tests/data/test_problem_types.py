# SPDX-License-Identifier: Apache-2.0
"""How labels and logits of each kind of task are read."""

from types import SimpleNamespace

import numpy as np
import pytest

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.data.problem_types import (
    MULTI_LABEL,
    PROBLEM_TYPES,
    REGRESSION,
    SINGLE_LABEL,
    get_problem_type,
    problem_type_of_model,
)

SINGLE, MULTI, VALUES = (PROBLEM_TYPES[name] for name in (SINGLE_LABEL, MULTI_LABEL, REGRESSION))
LOGITS = np.array([[2.0, -1.0, 0.5], [-3.0, -1.0, -2.0]])


def test_scores_are_probabilities_or_values():
    np.testing.assert_allclose(SINGLE.scores(LOGITS).sum(1), 1)
    np.testing.assert_allclose(MULTI.scores(LOGITS), 1 / (1 + np.exp(-LOGITS)))
    np.testing.assert_array_equal(VALUES.scores(LOGITS), LOGITS)


def test_decisions():
    assert SINGLE.decisions(LOGITS).tolist() == [0, 1]
    assert MULTI.decisions(MULTI.scores(LOGITS)).tolist() == [[True, False, True], [False] * 3]
    low = MULTI.decisions(MULTI.scores(LOGITS), [0.9, 0.2, 0.9])
    assert low.tolist() == [[False, True, False], [False, True, False]]
    assert VALUES.decisions(LOGITS) is not None


def test_every_positive_label_is_explained_or_else_the_most_probable_one():
    assert SINGLE.explained_outputs(LOGITS) == [[0], [1]]
    assert MULTI.explained_outputs(LOGITS) == [[0, 2], [1]]
    assert VALUES.explained_outputs(LOGITS) == [[0, 1, 2]] * 2
    assert [one.explains_several(1) for one in (SINGLE, MULTI, VALUES)] == [False, True, False]


def test_unknown_labels_are_told_apart():
    single = SINGLE.array([1, None, LABEL_UNKNOWN], 2)
    assert SINGLE.is_labelled(single).tolist() == [True, False, False]
    multi = MULTI.array([[0, 2], None, []], 3)
    np.testing.assert_array_equal(multi[[0, 2]], [[1, 0, 1], [0, 0, 0]])
    assert MULTI.is_labelled(multi).tolist() == [True, False, True]
    values = VALUES.array([{"x": 1.0, "y": 2.0}, {"x": 1.0, "y": None}, None], 2)
    assert VALUES.is_labelled(values).tolist() == [True, False, False]


def test_groups_are_labels_rarest_labels_and_tenths():
    assert SINGLE.groups(np.array([1, LABEL_UNKNOWN])) == [1, LABEL_UNKNOWN]
    multi = MULTI.array([[0, 1], [0], [0], [], None], 2)
    assert MULTI.groups(multi) == [1, 0, 0, -1, LABEL_UNKNOWN]
    groups = VALUES.groups(np.append(np.arange(100.0), np.nan)[:, None].astype(np.float32))
    assert sorted(set(groups)) == [LABEL_UNKNOWN, *range(10)]
    assert groups[:100] == sorted(groups[:100])


def test_a_model_without_a_problem_type_is_read_as_transformers_reads_it():
    def model(**config):
        return SimpleNamespace(**{"problem_type": None, "num_labels": 2, **config})

    assert problem_type_of_model(model()) is SINGLE
    assert problem_type_of_model(model(num_labels=1)) is VALUES
    assert problem_type_of_model(model(problem_type=MULTI_LABEL)) is MULTI
    with pytest.raises(ValueError, match="problem_type must be one of"):
        get_problem_type("single_label")
