# SPDX-License-Identifier: Apache-2.0
"""The column of labels tells the kind of task, and which texts have a label."""

import pytest
from datasets import ClassLabel, Dataset, Features, Value
from datasets import Sequence as ListOf

from dixtill_hf.data.label_column import label_array, problem_type_of_column
from dixtill_hf.data.problem_types import MULTI_LABEL, PROBLEM_TYPES, SINGLE_LABEL

SINGLE, MULTI = PROBLEM_TYPES[SINGLE_LABEL], PROBLEM_TYPES[MULTI_LABEL]


@pytest.mark.parametrize("problem", PROBLEM_TYPES.values(), ids=PROBLEM_TYPES)
def test_a_column_tells_its_kind_of_task_and_the_names(problem):
    feature = problem.feature(["a", "b"])
    assert problem_type_of_column(feature) is problem
    assert problem.names(feature) == ["a", "b"]


def test_other_columns_are_of_no_task():
    for feature in (None, Value("int64"), Value("string"), ListOf(Value("int64"))):
        assert problem_type_of_column(feature) is None


def test_labels_of_a_split_without_the_column_are_unknown():
    texts = Dataset.from_dict({"text": ["a", "b"]})
    assert not any(one.is_labelled(label_array(texts, one, 2)).any() for one in (SINGLE, MULTI))
    features = Features({"text": Value("string"), "label": ListOf(ClassLabel(names=["x", "y"]))})
    rows = Dataset.from_dict({"text": ["a"], "label": [[1]]}, features=features)
    assert label_array(rows, MULTI, 2).tolist() == [[0.0, 1.0]]
