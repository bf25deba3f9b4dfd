# SPDX-License-Identifier: Apache-2.0
"""Batches in bfloat16 on a CPU have few sizes, whatever the texts, and the results do not tell."""

import numpy as np
import pytest
import torch

from dixtill_hf.explainers import embeddings
from dixtill_hf.explainers.embeddings import filled, prefers_few_batch_shapes, rounded_width
from dixtill_hf.explainers.integrated_gradients import IntegratedGradients
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import encode_texts
from dixtill_hf.teacher.loading import load_teacher

SETTINGS = {"steps": 5, "precision": "bfloat16"}


@pytest.mark.parametrize(
    ("tokens", "width"), [(1, 1), (16, 16), (17, 18), (32, 32), (33, 36), (61, 63), (63, 63)]
)
def test_widths_are_rounded_up_to_the_next_of_few_within_the_limit(tokens, width):
    assert rounded_width(tokens, limit=63) == width


def test_widths_stay_few_and_padding_little():
    widths = [rounded_width(tokens, 512) for tokens in range(1, 513)]
    assert len(set(widths)) == 56
    assert all(0 <= width - tokens < tokens / 8 for tokens, width in enumerate(widths, start=1))


@pytest.mark.parametrize(("rows", "size"), [(1, 3), (3, 3), (4, 5), (5, 5)])
def test_batches_are_half_full_or_full(rows, size):
    batch = filled(list(range(rows)), most=5)
    assert batch == [*range(rows), *[rows - 1] * (size - rows)]


@pytest.mark.parametrize(
    ("device", "precision", "dtype", "few"),
    [
        ("cpu", "bfloat16", torch.float32, True),
        ("cpu", "float32", torch.bfloat16, True),
        ("cpu", "float32", torch.float32, False),
        ("cuda", "bfloat16", torch.float32, False),
    ],
)
def test_only_where_kernels_are_compiled_for_sizes(device, precision, dtype, few):
    assert prefers_few_batch_shapes(torch.device(device), precision, dtype) == few


@pytest.fixture
def sizes(monkeypatch) -> list[tuple[int, int]]:
    """Rows and tokens of all batches that gradients were computed for."""
    seen = []
    read = embeddings.EmbeddedTexts._logits_at

    def noted(self, rows, points):
        if points.requires_grad:
            seen.append(tuple(points.shape[:2]))
        return read(self, rows, points)

    monkeypatch.setattr(embeddings.EmbeddedTexts, "_logits_at", noted)
    return seen


def test_texts_of_all_lengths_make_batches_of_few_sizes(tiny_teacher_dir, sizes, monkeypatch):
    teacher = load_teacher(tiny_teacher_dir("bert"), device="cpu")
    texts = encode_texts(teacher, ["up " * words for words in range(1, 62)])
    explainer = IntegratedGradients(**SETTINGS)
    few = explainer.explain(teacher, texts, TokenBudget(200))
    # Full batches, and the last of each call, which may be half full.
    assert all(rows in (200 // width, -(-(200 // width) // 2)) for rows, width in sizes)
    assert all(width == rounded_width(width, 64) for _, width in sizes)
    assert max(width for _, width in sizes) <= teacher.max_length
    number = len(set(sizes))
    monkeypatch.setattr(embeddings, "prefers_few_batch_shapes", lambda *which: False)
    sizes.clear()
    many = explainer.explain(teacher, texts, TokenBudget(200))
    assert number < len(set(sizes))
    for one, other in zip(few, many, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, atol=1e-5)
        np.testing.assert_allclose(one.scores, other.scores, atol=0.02 * np.abs(one.scores).max())


def test_repeated_points_leave_the_scores_as_they_are(tiny_teacher_dir, sentences, monkeypatch):
    teacher = load_teacher(tiny_teacher_dir("bert"), device="cpu")
    monkeypatch.setattr(embeddings, "prefers_few_batch_shapes", lambda *which: True)
    encoded = encode_texts(teacher, sentences)
    explainer = IntegratedGradients(steps=5, precision="float32")
    repeated = explainer.explain(teacher, encoded, TokenBudget(500))
    monkeypatch.setattr(embeddings, "prefers_few_batch_shapes", lambda *which: False)
    for one, other in zip(
        repeated, explainer.explain(teacher, encoded, TokenBudget(500)), strict=True
    ):
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-4, rtol=1e-3)
