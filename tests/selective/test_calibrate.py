# SPDX-License-Identifier: Apache-2.0
"""A student is calibrated on held-out texts, and the threshold goes where the student goes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from datasets import Dataset

from dixtill_hf.distillation.building import build_student
from dixtill_hf.selective.calibrate import calibrate
from dixtill_hf.student.student import Student, load_student

WORDS = [f"word{i}" for i in range(60)]


def student_and_texts(texts: int) -> tuple[Student, Dataset]:
    """A student, and texts whose teacher disagrees where the student is unsure, now and then."""
    torch.manual_seed(0)
    model, tokenizer = build_student(
        [" ".join(WORDS)] * 2, ["a", "b"], word_vectors="none", hidden_size=8
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.9)
    student = Student(model.eval(), tokenizer)
    generator = np.random.default_rng(0)
    drawn = [" ".join(generator.choice(WORDS, 4)) for _ in range(texts)]
    probabilities = np.array([one.probabilities["b"] for one in student.explain(drawn)])
    # The teacher follows the student's logits at a third of their size: the student is too sure.
    odds = np.log(probabilities / (1 - probabilities))
    says_b = generator.random(texts) < 1 / (1 + np.exp(-odds / 3))
    logits = np.stack([~says_b, says_b], axis=1).astype(float)
    return student, Dataset.from_dict({"text": drawn, "teacher_logits": logits.tolist()})


def test_the_temperature_is_found_and_predictions_stay(tmp_path):
    student, held_out = student_and_texts(2000)
    before = student.explain(held_out["text"][:200])
    found = calibrate(student.model, student.tokenizer, held_out, agreement=0.6)
    assert found.temperature == pytest.approx(3, rel=0.3)
    assert found.error_after < found.error_before
    assert found.unknown_words == 0
    after = student.explain(held_out["text"][:200])
    assert [one.label for one in after] == [one.label for one in before]
    threshold = found.threshold.threshold
    assert found.threshold.answered >= 100
    assert [one.answered for one in after] == [one.probability >= threshold for one in after]
    student.save(tmp_path)
    loaded = load_student(tmp_path)
    assert loaded.model.config.answering == student.model.config.answering
    assert loaded.explain(held_out["text"][:200]) == after
    with pytest.raises(ValueError, match="has been calibrated already"):
        calibrate(loaded.model, loaded.tokenizer, held_out)


def test_a_student_that_was_chosen_among_several_is_tested_at_a_share_of_the_risk():
    student, held_out = student_and_texts(2000)
    settings = {"held_out": held_out, "agreement": 0.6}
    alone = calibrate(student.model, student.tokenizer, confidence=0.99, **settings)
    student, _ = student_and_texts(2000)
    chosen = calibrate(
        student.model, student.tokenizer, confidence=0.95, chosen_among=5, **settings
    )
    assert chosen.threshold == replace(alone.threshold, confidence=0.95)
    with pytest.raises(ValueError, match="chosen_among must be"):
        calibrate(student.model, student.tokenizer, held_out, chosen_among=0)


def test_too_few_texts_change_nothing():
    student, held_out = student_and_texts(99)
    before = student.explain(held_out["text"][:])
    found = calibrate(student.model, student.tokenizer, held_out)
    assert (found.temperature, found.threshold, found.texts) == (None, None, 99)
    assert student.explain(held_out["text"][:]) == before
    assert student.model.config.answering is None


def test_an_agreement_that_cannot_be_shown_gives_no_threshold():
    student, held_out = student_and_texts(150)
    found = calibrate(student.model, student.tokenizer, held_out, agreement=0.999)
    assert found.temperature is not None
    assert found.threshold is None
    assert all(one.answered for one in student.explain(held_out["text"][:5]))
    with pytest.raises(ValueError, match="confidence must be"):
        calibrate(student.model, student.tokenizer, held_out, confidence=1)
