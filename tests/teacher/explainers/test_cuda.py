# SPDX-License-Identifier: Apache-2.0
"""A GPU gives what the CPU gives, for every explainer and every architecture."""

from pathlib import Path

import numpy as np
import pytest
import torch

from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.explainers.base import EXPLAINERS, Attribution
from dixtill_hf.teacher.explainers.budget import TokenBudget
from dixtill_hf.teacher.explainers.registry import get_explainer
from dixtill_hf.teacher.loading import load_teacher

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

# Few evaluations, so that the tests are fast.
SETTINGS = {
    "gradient_shap": {"samples": 3},
    "kernel_shap": {"samples": 24},
    "lime": {"samples": 24},
    "precomputed": {"lexicon": {"jumps": 1.0, "fell": -0.5}},
    "shapley_sampling": {"permutations": 2},
    "integrated_gradients": {"precision": "float32"},
}


def _explain(
    directory: Path,
    device: str,
    name: str,
    texts: list[str],
    dtype: torch.dtype = torch.float32,
    **settings: object,
) -> list[Attribution]:
    teacher = load_teacher(directory, device=device, dtype=dtype)
    explainer = get_explainer(name, **{**SETTINGS.get(name, {}), **settings})
    encoded = encode_texts(teacher, texts)
    return explainer.explain(teacher, encoded, TokenBudget(4096))


@pytest.mark.parametrize("name", sorted(EXPLAINERS))
def test_cuda_explains_as_the_cpu_does(each_teacher_dir, sentences, name):
    on_cpu = _explain(each_teacher_dir, "cpu", name, sentences)
    on_gpu = _explain(each_teacher_dir, "cuda", name, sentences)
    for one, other in zip(on_cpu, on_gpu, strict=True):
        assert (one.label, list(one.spans)) == (other.label, list(other.spans))
        assert one.evaluations == other.evaluations
        np.testing.assert_allclose(other.logits, one.logits, atol=1e-4)
        np.testing.assert_allclose(other.scores, one.scores, atol=2e-3, rtol=1e-2)


def test_cuda_gradients_in_bfloat16_are_near_those_in_float32(each_teacher_dir, sentences):
    exact = _explain(each_teacher_dir, "cpu", "integrated_gradients", sentences, steps=20)
    near = _explain(
        each_teacher_dir,
        "cuda",
        "integrated_gradients",
        sentences,
        steps=20,
        precision="bfloat16",
    )
    for one, other in zip(exact, near, strict=True):
        np.testing.assert_allclose(other.logits, one.logits, atol=1e-4)  # of float32 weights
        cosine = one.scores @ other.scores
        cosine /= np.linalg.norm(one.scores) * np.linalg.norm(other.scores)
        assert cosine > 0.99


def test_cuda_teachers_may_be_loaded_in_bfloat16(each_teacher_dir, sentences):
    found = _explain(
        each_teacher_dir, "cuda", "integrated_gradients", sentences, dtype=torch.bfloat16
    )
    assert all(np.isfinite(one.scores).all() and one.scores.any() for one in found)
