# SPDX-License-Identifier: Apache-2.0
"""The mean of annotations: by hand, and as the explanation of the mean teacher."""

import numpy as np
import pytest
from datasets import Dataset, Features, Value
from datasets import Sequence as ListOf

from dixtill_hf.annotation.ensemble import average_annotations
from dixtill_hf.annotation.worker import added_features
from dixtill_hf.explainers.base import get_explainer


def _annotation(scores, logits=((1.0, 3.0), (0.0, 2.0)), label=(1, 1), evaluations=(3, 4)):
    nested = isinstance(scores[0][0], list)
    explainer = get_explainer("saliency", target="all" if nested else "predicted")
    features = Features({"text": Value("string"), **added_features(explainer)})
    return Dataset.from_dict(
        {
            "text": ["a b", "c"],
            "teacher_logits": [list(row) for row in logits],
            "teacher_spans": [[[0, 1], [2, 3]], [[0, 1]]],
            "teacher_attributions": scores,
            "teacher_explained_label": list(label),
            "teacher_completeness_error": [0.5, 0.0],
            "teacher_evaluations": list(evaluations),
            "teacher_truncated": [False, evaluations[1] > 4],
        },
        features=features,
    )


def test_the_mean_by_hand():
    one = _annotation([[1.0, -1.0], [2.0]])
    other = _annotation([[3.0, 0.0], [-2.0]], logits=((3, 1), (0, 4)), evaluations=(5, 6))
    mean = average_annotations([one, other])
    assert mean["teacher_attributions"][:] == [[2.0, -0.5], [0.0]]
    assert mean["teacher_logits"][:] == [[2.0, 2.0], [0.0, 3.0]]
    assert mean["teacher_evaluations"][:] == [8, 10]
    assert mean["teacher_truncated"][:] == [False, True]
    assert mean["teacher_completeness_error"][:] == [0.5, 0.0]
    assert mean["teacher_spans"][:] == one["teacher_spans"][:]
    assert mean.features == one.features


def test_one_annotation_is_its_own_mean():
    one = _annotation([[1.0, -1.0], [2.0]])
    assert average_annotations([one]).to_dict() == one.to_dict()


def test_scores_of_all_labels_stay_in_their_rows():
    one = _annotation([[[1.0, 2.0], [3.0, 4.0]], [[5.0], [6.0]]])
    other = _annotation([[[1.0, 0.0], [1.0, 0.0]], [[1.0], [0.0]]], label=(0, 1))
    mean = average_annotations([one, other], explained_labels=[0, 1])
    assert mean["teacher_attributions"][:] == [[[1.0, 1.0], [2.0, 2.0]], [[3.0], [3.0]]]
    assert mean["teacher_explained_label"][:] == [0, 1]


def test_a_selection_is_averaged_as_it_is_seen():
    one = _annotation([[1.0, -1.0], [2.0]]).select([1, 0])
    assert average_annotations([one, one])["teacher_attributions"][:] == [[2.0], [1.0, -1.0]]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("text", ["a b", "d"]),
        ("teacher_explained_label", [1, 0]),
        ("teacher_spans", [[[0, 1], [2, 3]], [[1, 2]]]),
    ],
)
def test_what_differs_is_named(column, values):
    one = _annotation([[1.0, -1.0], [2.0]])
    feature = one.features[column]
    other = one.remove_columns(column).add_column(column, values, feature=feature)
    with pytest.raises(ValueError, match=rf"differ in '{column}' in row 1"):
        average_annotations([one, other])


def test_other_numbers_of_rows_or_labels_are_refused():
    one = _annotation([[1.0, -1.0], [2.0]])
    with pytest.raises(ValueError, match="has 2 rows, annotation 1 has 1"):
        average_annotations([one, one.select([0])])
    with pytest.raises(ValueError, match="different numbers of 'teacher_logits'"):
        average_annotations([one, _annotation([[1.0, -1.0], [2.0]], logits=((1,), (2,)))])
    with pytest.raises(ValueError, match="no annotation to average"):
        average_annotations([])


def test_types_are_kept_where_lists_are_cut_from_a_larger_table():
    one = _annotation([[1.0, -1.0], [2.0]])
    assert one.features["teacher_attributions"] == ListOf(Value("float32"))
    assert np.isclose(average_annotations([one, one])["teacher_attributions"][0][1], -1.0)
