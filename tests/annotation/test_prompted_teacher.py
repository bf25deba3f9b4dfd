# SPDX-License-Identifier: Apache-2.0
"""A prompted language model annotates as a classifier does: every explainer, and kept once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from dixtill_hf.annotation.annotate import annotate
from dixtill_hf.explainers.base import known_explainers
from dixtill_hf.teacher.prompted.teacher import PromptedTeacher

_FAST = ("integrated_gradients", "occlusion")
# Those that look inside an encoder, or need columns of their own.
_OTHERS = ("precomputed", "attention_rollout", "deep_lift", "quoted_evidence")


@pytest.fixture
def teacher(tiny_language_model: Callable[..., Path], teacher_labels: list[str]) -> PromptedTeacher:
    return PromptedTeacher(
        tiny_language_model("llama", chat=True), teacher_labels, "Is the news good for the share?"
    )


_SLOW = [name for name in sorted(known_explainers()) if name not in (*_OTHERS, *_FAST)]


@pytest.mark.parametrize(
    "explainer", [*_FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in _SLOW)]
)
def test_the_texts_own_tokens_are_explained(
    explainer: str, teacher: PromptedTeacher, sentences: list[str], tmp_path: Path
) -> None:
    texts = sentences[:3]
    # The adaptive rule is fitted to the texts that it is given.
    settings: dict[str, Any] = {"steps": 4, "precision": "float32"}
    if explainer != "integrated_gradients":
        settings = {}
    together, alone = (
        annotate(
            Dataset.from_dict({"text": given}),
            teacher,
            explainer,
            cache_dir=tmp_path / str(len(given)),
            **settings,
        )
        for given in (texts, texts[:1])
    )
    np.testing.assert_allclose(
        together["teacher_attributions"][0], alone["teacher_attributions"][0], atol=1e-4, rtol=1e-3
    )
    for text, spans in zip(texts, together["teacher_spans"], strict=True):
        if explainer != "none":
            assert "".join(text[start:end] for start, end in spans) == text


def test_integrated_gradients_are_complete(
    teacher: PromptedTeacher, sentences: list[str], tmp_path: Path
) -> None:
    data = Dataset.from_dict({"text": sentences[:4]})
    found = annotate(data, teacher, steps=50, precision="float32", cache_dir=tmp_path)
    assert max(found["teacher_completeness_error"]) < 0.05


def test_nothing_is_computed_twice(
    teacher: PromptedTeacher,
    sentences: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = Dataset.from_dict({"text": sentences})
    first = annotate(data, teacher, "none", cache_dir=tmp_path)
    monkeypatch.setattr(type(teacher), "logits", None)
    again = annotate(data, teacher, "none", cache_dir=tmp_path)
    assert first["teacher_logits"][:] == again["teacher_logits"][:]
