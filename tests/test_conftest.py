# SPDX-License-Identifier: Apache-2.0
"""The tiny teachers are what the other tests take them for."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def test_a_tiny_teacher_classifies_text(
    each_teacher_dir: Path, sentences: list[str], teacher_labels: list[str]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(each_teacher_dir)
    model = AutoModelForSequenceClassification.from_pretrained(each_teacher_dir)
    with torch.no_grad():
        rows = [model(**tokenizer(text, return_tensors="pt")).logits[0] for text in sentences]
    logits = torch.stack(rows)
    assert logits.shape == (len(sentences), len(teacher_labels))
    assert [model.config.id2label[i] for i in range(3)] == teacher_labels
    assert (logits.std(dim=0) > 0.01).all()


def test_a_tiny_teachers_tokens_lie_in_the_text(each_teacher_dir: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(each_teacher_dir)
    text = "Café shares fell 4.2%"
    encoding = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
    covered = set()
    for (start, end), special in zip(
        encoding["offset_mapping"], encoding["special_tokens_mask"], strict=True
    ):
        assert (start, end) == (0, 0) or not special
        covered.update(range(start, end))
    assert covered >= {i for i, character in enumerate(text) if character != " "}


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_the_decoders_have_no_padding_token(
    architecture: str, tiny_teacher_dir: Callable[[str], Path]
) -> None:
    assert AutoTokenizer.from_pretrained(tiny_teacher_dir(architecture)).pad_token is None


def test_a_tiny_teacher_is_built_once(tiny_teacher_dir: Callable[[str], Path]) -> None:
    weights = tiny_teacher_dir("bert") / "model.safetensors"
    before = weights.stat().st_mtime_ns
    assert tiny_teacher_dir("bert") == weights.parent
    assert weights.stat().st_mtime_ns == before
