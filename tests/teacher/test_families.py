# SPDX-License-Identifier: Apache-2.0
"""Families of models beyond the common ones are read and explained as they are."""

import numpy as np
import torch

from dixtill_hf.explainers.base import get_explainer
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import collate, encode_texts
from dixtill_hf.teacher.loading import Teacher, load_teacher


def logits_of(teacher: Teacher, texts: list[str]) -> torch.Tensor:
    with torch.inference_mode():
        return teacher.logits(collate(teacher, encode_texts(teacher, texts)).inputs)


def test_a_batch_is_read_as_its_texts_are(other_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(other_teacher_dir, teacher_labels)
    alone = torch.cat([logits_of(teacher, [text]) for text in sentences])
    torch.testing.assert_close(logits_of(teacher, sentences), alone, atol=1e-4, rtol=1e-4)
    assert alone.std(0).max() > 1e-3  # the texts are told apart


def test_attributions_sum_to_the_change_of_the_output(other_teacher_dir, teacher_labels, sentences):
    teacher = load_teacher(other_teacher_dir, teacher_labels)
    texts = encode_texts(teacher, sentences[:3])
    exact = {"steps": 256, "precision": "float32"}
    for name, settings in (("integrated_gradients", exact), ("kernel_shap", {})):
        explainer = get_explainer(name, **settings)
        for found in explainer.explain(teacher, texts, TokenBudget(4096)):
            assert found.completeness_error < 0.05 * np.abs(found.scores).sum() + 1e-4
            assert np.abs(found.scores).max() > 1e-5
