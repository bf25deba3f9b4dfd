# SPDX-License-Identifier: Apache-2.0
"""Several labels of a text are explained as if each were the only one."""

import numpy as np
import pytest

from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.problem_types import MULTI_LABEL, REGRESSION
from dixtill_hf.explainers.base import get_explainer
from dixtill_hf.explainers.several_outputs import check_output, explain_outputs
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import encode_texts

TEXTS = ["Acme raises its outlook", "Globex falls", "Shares of Acme"]
BUDGET = TokenBudget(256)


@pytest.fixture
def teacher(simple_teacher):
    """Gives each text the labels whose logit is above that of its threshold."""
    teacher = simple_teacher()
    teacher.model.config.problem_type = MULTI_LABEL
    return teacher


def scores_of(found) -> dict[int, np.ndarray]:
    return dict(zip(found.label, found.scores, strict=True))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("integrated_gradients", {"steps": 4}),
        ("saliency", {}),
        ("occlusion", {}),
        ("shapley_sampling", {"permutations": 2}),
    ],
)
def test_each_predicted_label_has_the_scores_that_it_has_alone(teacher, name, settings) -> None:
    teacher.model.config.thresholds = [0.0, 0.0, 1.0]
    texts = encode_texts(teacher, TEXTS)
    explainer = get_explainer(name, **settings)
    every = explain_outputs(get_explainer(name, target="all", **settings), teacher, texts, BUDGET)
    for found, expected in zip(
        explain_outputs(explainer, teacher, texts, BUDGET), every, strict=True
    ):
        assert found.label == [0, 1]
        assert expected.label == [0, 1, 2]
        np.testing.assert_allclose(found.scores, expected.scores[:2], atol=1e-5)
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-6)
        assert found.evaluations > 1


def test_the_most_probable_label_is_explained_if_none_is_predicted(teacher) -> None:
    teacher.model.config.thresholds = [1.0, 1.0, 1.0]
    texts = encode_texts(teacher, TEXTS)
    for found in explain_outputs(get_explainer("saliency"), teacher, texts, BUDGET):
        assert found.label == [int(found.logits.argmax())]


def test_the_labels_of_the_data_are_explained_if_they_are_asked_for(teacher) -> None:
    teacher.model.config.thresholds = [0.0, 1.0, 1.0]
    rows = [{LABEL: [1, 2]}, {LABEL: []}, {LABEL: None}]
    texts = encode_texts(teacher, TEXTS, rows)
    explainer = get_explainer("saliency", target="true")
    found = explain_outputs(explainer, teacher, texts, BUDGET)
    assert [one.label for one in found] == [[1, 2], [0], [0]]


@pytest.mark.parametrize("name", ["none", "attention_rollout", "precomputed"])
def test_scores_of_no_label_in_particular_are_those_of_every_label(
    teacher, tiny_teacher_dir, name
) -> None:
    if name == "attention_rollout":
        from dixtill_hf.teacher.loading import load_teacher

        teacher = load_teacher(tiny_teacher_dir("bert"), device="cpu")
        teacher.model.config.problem_type = MULTI_LABEL
    teacher.model.config.thresholds = [0.0, 0.0, 0.0]
    settings = {"lexicon": {"acme": 1.0}} if name == "precomputed" else {}
    texts = encode_texts(teacher, TEXTS)
    for found in explain_outputs(get_explainer(name, **settings), teacher, texts, BUDGET):
        assert found.label == [0, 1, 2]
        assert found.scores.shape == (3, len(found.spans))
        assert (found.scores == found.scores[0]).all()


def test_all_values_of_a_regression_are_explained(teacher) -> None:
    teacher.model.config.problem_type = REGRESSION
    texts = encode_texts(teacher, TEXTS)
    for found in explain_outputs(get_explainer("saliency"), teacher, texts, BUDGET):
        assert found.label == [0, 1, 2]


@pytest.mark.parametrize("output", ["margin", "probability", "log_probability"])
def test_outputs_that_compare_labels_are_refused_by_name(teacher, output) -> None:
    with pytest.raises(ValueError, match=f"output='{output}' compares the labels"):
        check_output(get_explainer("saliency", output=output), teacher)
    check_output(get_explainer("saliency"), teacher)
