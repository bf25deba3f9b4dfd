# SPDX-License-Identifier: Apache-2.0
"""Answers that exist are a teacher: their logits, their quotes, and what they lack."""

import math
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.annotation.recorded import annotate_recorded, ask_for_labels
from dixtill_hf.annotation.worker import added_features
from dixtill_hf.explainers.no_explainer import NoExplainer
from dixtill_hf.teacher.function import FunctionTeacher
from dixtill_hf.teacher.prompted.asking import LabelAsker

LABELS = ["bearish", "bullish", "neutral"]
TEXTS = ["Shares fell", "Acme beats estimates", "The board meets"]


def test_labels_probabilities_and_quotes_become_an_annotation() -> None:
    data = Dataset.from_dict(
        {
            "text": TEXTS,
            "teacher_label": ["Bearish", None, None],
            "teacher_probabilities": [None, [0.1, 0.7, 0.2], None],
            "teacher_quotes": [["fell"], ["beats", "wins"], []],
        }
    )
    recorded = annotate_recorded(data, LABELS, certainty=0.8)
    found = recorded.dataset
    assert (len(found), recorded.left_out, recorded.with_probabilities) == (2, 1, 1)
    np.testing.assert_allclose(
        np.exp(found["teacher_logits"]), [[0.8, 0.1, 0.1], [0.1, 0.7, 0.2]], rtol=1e-5
    )
    assert found["teacher_attributions"][:] == [[0, 1], [0, 1, 0]]
    assert found["teacher_explained_label"][:] == [0, 1]
    assert {name: found.features[name] for name in added_features(NoExplainer())} == dict(
        added_features(NoExplainer())
    )
    said = " ".join(recorded.describe())
    assert "1 texts have no answer" in said
    assert "1 of 2 texts have a label without probabilities" in said
    assert "2 of 3 quotes are in their text" in said


@pytest.mark.parametrize(
    "value", ['{"bullish": 0.7, "neutral": 0.2, "bearish": 0.1}', "[0.1, 0.7, 0.2]"]
)
def test_probabilities_as_json(value: str) -> None:
    data = Dataset.from_dict({"text": TEXTS[:1], "p": [value]})
    recorded = annotate_recorded(data, LABELS, probabilities="p")
    np.testing.assert_allclose(
        np.exp(recorded.dataset["teacher_logits"]), [[0.1, 0.7, 0.2]], rtol=1e-5
    )
    assert recorded.describe() == ["There are no quotes, so students learn no explanation."]


def test_class_labels_are_matched_by_name() -> None:
    data = Dataset.from_dict({"text": TEXTS, "teacher_label": [0, 1, 2]})
    data = data.cast_column("teacher_label", ClassLabel(names=["neutral", "bearish", "bullish"]))
    found = annotate_recorded(data, LABELS).dataset
    assert found["teacher_explained_label"][:] == [2, 0, 1]


def test_what_is_no_answer_is_refused() -> None:
    data = Dataset.from_dict({"text": TEXTS, "teacher_label": ["bearish", "up", ""]})
    with pytest.raises(ValueError, match=r"none of .* in row 1 .*the first is 'up'"):
        annotate_recorded(data, LABELS)
    with pytest.raises(ValueError, match="are needed, there are"):
        annotate_recorded(data.remove_columns("teacher_label"), LABELS)
    with pytest.raises(ValueError, match="certainty must be between"):
        annotate_recorded(data, LABELS, certainty=0.2)
    wrong = Dataset.from_dict({"text": TEXTS[:1], "teacher_probabilities": [[0.5, 0.6, 0.2]]})
    with pytest.raises(ValueError, match="which add up to 1"):
        annotate_recorded(wrong, LABELS)


class Talker:
    def generate(self, prompts: list[str]) -> list[str]:
        return ['{"label": "bullish", "quotes": ["beats"]}' for _ in prompts]


def test_what_was_asked_is_an_annotation(tmp_path: Path) -> None:
    asker = LabelAsker(
        Talker(), LABELS, "Judge it.", key="m", directory=tmp_path, samples=2, quotes=True
    )
    asked = ask_for_labels(Dataset.from_dict({"text": TEXTS}), asker)
    assert asked["teacher_quotes"][1] == [["beats"], ["beats"]]
    found = annotate_recorded(asked, LABELS)
    assert found.dataset["teacher_attributions"][1] == [0, 1, 0]
    assert found.quotes is not None
    assert math.isclose(found.quotes.share, 1 / 3)


class Scoring:
    """Texts with the word "fell" are bearish."""

    def score(self, prompts: list[str], continuations: list[str]) -> list[list[float]]:
        return [[-1.0, -2.0 - ("fell" in one), -3.0] for one in prompts]


def test_an_asked_model_is_explained_by_leaving_words_out(tmp_path: Path) -> None:
    asker = LabelAsker(Scoring(), LABELS, "Judge it.", key="m", directory=tmp_path)
    teacher = FunctionTeacher(asker, LABELS, key=asker.key)
    data = Dataset.from_dict({"text": TEXTS[:1]})
    found = annotate(data, teacher, "occlusion", output="margin", cache_dir=tmp_path)
    np.testing.assert_allclose(found["teacher_attributions"][0], [0, 0.5])
    with pytest.raises(ValueError, match="no gradients"):
        annotate(data, teacher, "integrated_gradients", cache_dir=tmp_path)
