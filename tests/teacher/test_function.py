# SPDX-License-Identifier: Apache-2.0
"""A teacher of which only a function is known."""

import numpy as np
import pytest
from datasets import Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.teacher.encoding import collate, encode_texts
from dixtill_hf.teacher.fingerprint import hash_teacher
from dixtill_hf.teacher.function import FunctionTeacher
from dixtill_hf.teacher.loading import LabelMismatchError

LABELS = ["down", "up"]
TEXTS = ["  Acme falls,\tthen rises ", "rises rises", "", "Ça rises…"]


class Counter:
    """Logits that count words, and the texts that were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> list[list[float]]:
        self.asked += texts
        return [[text.count("falls"), 2.0 * text.count("rises")] for text in texts]


def test_the_function_reads_the_texts_as_they_are():
    function = Counter()
    teacher = FunctionTeacher(function, LABELS, key="counter")
    encoded = encode_texts(teacher, TEXTS)
    logits = teacher.logits(collate(teacher, encoded).inputs)
    assert function.asked == TEXTS
    assert logits.tolist() == [[1, 2], [0, 4], [0, 0], [0, 2]]
    words = [TEXTS[0][start:end] for start, end in encoded[0].spans]
    assert words == ["Acme", "falls", ",", "then", "rises"]


@pytest.mark.parametrize("explainer", ["occlusion", "kernel_shap", "shapley_sampling"])
def test_words_are_explained_by_taking_them_away(explainer, tmp_path):
    teacher = FunctionTeacher(Counter(), LABELS, key="counter")
    data = Dataset.from_dict({"text": TEXTS})
    annotated = annotate(data, teacher, explainer, cache_dir=tmp_path)
    first = annotated[0]
    assert first["teacher_explained_label"] == 1
    np.testing.assert_allclose(first["teacher_attributions"], [0, 0, 0, 0, 2], atol=0.02)
    np.testing.assert_allclose(annotated[1]["teacher_attributions"], [2, 2], atol=0.02)
    assert annotated[2]["teacher_logits"] == [0, 0]


def test_answers_are_found_again_by_the_key(tmp_path):
    data = Dataset.from_dict({"text": TEXTS})
    for _ in range(2):
        function = Counter()
        annotate(data, FunctionTeacher(function, LABELS, key="a"), "none", cache_dir=tmp_path)
    assert not function.asked
    other = FunctionTeacher(function, LABELS, key="b")
    annotate(data, other, "none", cache_dir=tmp_path)
    assert sorted(function.asked) == sorted(TEXTS)
    turned = FunctionTeacher(function, LABELS, key="b", label_names=LABELS[::-1])
    assert hash_teacher(turned) != hash_teacher(other)
    assert annotate(data, turned, "none", cache_dir=tmp_path)[0]["teacher_logits"] == [2, 1]


@pytest.mark.parametrize("explainer", ["integrated_gradients", "saliency"])
def test_explainers_that_need_gradients_say_why_not(explainer, tmp_path):
    teacher = FunctionTeacher(Counter(), LABELS, key="counter")
    with pytest.raises(ValueError, match=r"no gradients .*functions of texts.*occlusion"):
        annotate(Dataset.from_dict({"text": TEXTS}), teacher, explainer, cache_dir=tmp_path)


def test_attention_maps_are_refused_too(tmp_path):
    teacher = FunctionTeacher(Counter(), LABELS, key="counter")
    with pytest.raises(ValueError, match="gives no attention maps"):
        annotate(
            Dataset.from_dict({"text": TEXTS}), teacher, "attention_rollout", cache_dir=tmp_path
        )


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"key": " "}, ValueError, "key must be a text that tells this function"),
        ({"labels": ["one"]}, ValueError, "two or more different names"),
        ({"labels": ["one", "one"]}, ValueError, "two or more different names"),
        ({"function": "gpt"}, TypeError, "function must be callable, got str"),
        ({"label_names": ["a", "b"]}, LabelMismatchError, "do not match by name"),
    ],
)
def test_what_is_missing_is_named(given, error, message):
    whole = {"function": Counter(), "labels": LABELS, "key": "counter"}
    with pytest.raises(error, match=message):
        FunctionTeacher(**{**whole, **given})


def test_wrong_shapes_are_named():
    teacher = FunctionTeacher(lambda texts: np.zeros(len(texts)), LABELS, key="flat")
    with pytest.raises(ValueError, match=r"shape \(1,\) for 1 texts: it must be \(1, 2\)"):
        teacher.logits(collate(teacher, encode_texts(teacher, ["Acme"])).inputs)
