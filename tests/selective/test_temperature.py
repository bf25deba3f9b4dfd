# SPDX-License-Identifier: Apache-2.0
"""The temperature is the one that the texts were drawn with, and changes no prediction."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from dixtill_hf.distillation.building import build_student
from dixtill_hf.selective.temperature import HIGHEST, LOWEST, divide_logits, fit_temperature


def test_the_temperature_of_the_draw_is_found():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(20_000, 3)) * 2
    labels = [generator.choice(3, p=row) for row in softmax(logits, axis=1)]
    assert fit_temperature(logits, labels) == pytest.approx(1, rel=0.05)
    assert fit_temperature(logits * 2.5, labels) == pytest.approx(2.5, rel=0.05)


def test_perfect_and_hopeless_logits_end_at_the_bounds():
    logits = np.eye(2) * 0.5
    assert fit_temperature(logits, [0, 1]) == pytest.approx(LOWEST, rel=0.01)
    assert fit_temperature(logits, [1, 0]) == pytest.approx(HIGHEST, rel=0.01)


def test_logits_and_contributions_are_divided():
    model, tokenizer = build_student(
        ["up up down down"], ["a", "b"], word_vectors="none", hidden_size=4
    )
    torch.nn.init.normal_(model.classifier.bias)
    batch = tokenizer(["up down", "down"], padding=True, return_tensors="pt")
    with torch.inference_mode():
        before = model.eval()(**batch, output_contributions=True)
        divide_logits(model, 2.0)
        after = model(**batch, output_contributions=True)
    torch.testing.assert_close(after.logits, before.logits / 2)
    torch.testing.assert_close(after.contributions, before.contributions / 2)
    with pytest.raises(ValueError, match="temperature must be above 0, got 0"):
        divide_logits(model, 0)


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[0.0, 1.0]], [0, 1], "expected"),
        ([[0.0, np.nan]], [0], "finite"),
        ([[0.0, 1.0]], [2], "allowed are 0 to 1"),
        ([[0.0, 1.0]], [-100], "without a label"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(logits, labels, message):
    with pytest.raises(ValueError, match=message):
        fit_temperature(logits, labels)
