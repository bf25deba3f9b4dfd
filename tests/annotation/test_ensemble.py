# SPDX-License-Identifier: Apache-2.0
"""The mean of annotations: by hand, and as the explanation of the mean teacher."""

import numpy as np
import pytest
from datasets import Dataset, DatasetDict, Features, Value
from datasets import Sequence as ListOf

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.ensemble import (
    annotate_by_ensemble,
    average_annotations,
    join_spans,
)
from dixtill_hf.annotation.worker import added_features
from dixtill_hf.explainers.base import get_explainer
from dixtill_hf.teacher.loading import load_teacher


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
    ],
)
def test_what_differs_is_named(column, values):
    one = _annotation([[1.0, -1.0], [2.0]])
    feature = one.features[column]
    other = one.remove_columns(column).add_column(column, values, feature=feature)
    with pytest.raises(ValueError, match=rf"differ in '{column}' in row 1"):
        average_annotations([one, other])


def test_spans_that_overlap_are_joined_and_their_scores_summed():
    one = _annotation([[1.0, -1.0], [2.0]])
    other = one.remove_columns(["teacher_spans", "teacher_attributions"])
    for name, values in (
        ("teacher_spans", [[[0, 1], [1, 2], [2, 3]], [[0, 1]]]),
        ("teacher_attributions", [[3.0, 1.0, 1.0], [0.0]]),
    ):
        other = other.add_column(name, values, feature=one.features[name])
    mean = average_annotations([one, other])
    assert mean["teacher_spans"][:] == [[[0, 1], [1, 2], [2, 3]], [[0, 1]]]
    assert mean["teacher_attributions"][:] == [[2.0, 0.5, 0.0], [1.0]]
    pieces, (first, second) = join_spans([[(0, 4), (4, 9)], [(0, 2), (2, 5), (7, 9)]])
    assert pieces == [[0, 9]]
    assert (first.tolist(), second.tolist()) == ([0, 0], [0, 0, 0])


def test_teachers_with_other_tokenizers_annotate_together(
    tiny_teacher_dir, teacher_labels, sentences, tmp_path
):
    kinds = ("bert", "roberta")
    teachers = [load_teacher(tiny_teacher_dir(kind), teacher_labels) for kind in kinds]
    data = DatasetDict(train=Dataset.from_dict({"text": sentences[:4]}))
    given = {"cache_dir": tmp_path, "steps": 4, "precision": "float32"}
    together = annotate_by_ensemble(data, teachers, **given)["train"]
    logits = [annotate(data, one, "none", cache_dir=tmp_path)["train"] for one in teachers]
    mean = np.mean([np.array(said["teacher_logits"][:]) for said in logits], 0)
    np.testing.assert_allclose(together["teacher_logits"][:], mean, atol=1e-6)
    labels = mean.argmax(-1)
    assert together["teacher_explained_label"][:] == labels.tolist()
    asked = data["train"].add_column("label", labels)
    each = [annotate(asked, one, target="true", **given) for one in teachers]
    for row, scores in enumerate(together["teacher_attributions"]):
        sums = [np.sum(one["teacher_attributions"][row]) for one in each]
        np.testing.assert_allclose(np.sum(scores), np.mean(sums), atol=1e-5)
        starts = [start for start, _ in together["teacher_spans"][row]]
        assert starts == sorted(starts)
    with pytest.raises(ValueError, match="two or more, got 1"):
        annotate_by_ensemble(data, teachers[:1])


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
