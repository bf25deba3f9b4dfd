# SPDX-License-Identifier: Apache-2.0
"""The packaged English student is small, says what it is, and is a start for others."""

import json
from pathlib import Path

import pytest

from dixtill_hf.data import packaged
from dixtill_hf.distillation.building import build_student
from dixtill_hf.student.pretrained_start import load_student_start

ROOT = Path(__file__).resolve().parents[2]
STUDENT = ROOT / "pretrained" / "dixtill_student_en" / "student"
MOST_BYTES = 3_000_000


def test_it_is_small_and_has_a_record():
    assert sum(path.stat().st_size for path in STUDENT.iterdir()) < MOST_BYTES
    record = json.loads((STUDENT / "pretraining.json").read_text())
    card = (ROOT / "pretrained" / "README.md").read_text("utf-8")
    assert f"{record['texts']:,}" in card
    assert f"{record['held_out_cosine']:.3f}" in card


def test_a_student_starts_from_it():
    start = load_student_start(STUDENT)
    texts = ["Shares rise.", "Shares fall."]
    model, tokenizer = build_student(texts, ["a", "b"], student_start=STUDENT)
    assert {"shares", "fall", "weather"} <= set(tokenizer.get_vocab())
    assert model.config.hidden_size == start.shape["hidden_size"]
    assert start.model.embedding.weight.dtype == model.embedding.weight.dtype


def test_without_the_package_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    assert not packaged.has_packaged_student()
    with pytest.raises(ImportError, match=r"pip install \./pretrained"):
        load_student_start("packaged")
