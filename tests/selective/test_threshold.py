# SPDX-License-Identifier: Apache-2.0
"""The bound of a threshold: exact where it is known in closed form, kept in simulation."""

import numpy as np
import pytest

from dixtill_hf.selective.threshold import find_threshold, texts_needed


def draw(generator, texts, right_at=lambda confidence: confidence):
    """Texts whose answers are right as often as their confidence says, or as `right_at` says."""
    confidences = generator.uniform(0.5, 1, texts)
    return confidences, generator.random(texts) < right_at(confidences)


def test_fewest_answers_that_prove_something():
    assert texts_needed(0.97, 0.95) == 99  # 0.97 ** 99 < 0.05 < 0.97 ** 98
    assert 0.97**99 < 0.05 < 0.97**98


def test_perfect_answers_are_all_given():
    texts = np.linspace(0.5, 1, 400), np.ones(400)
    found = find_threshold(texts, texts, accuracy=0.97)
    assert (found.threshold, found.answered, found.wrong, found.coverage) == (0.5, 400, 0, 1.0)


def test_too_few_texts_prove_nothing():
    texts = np.linspace(0.5, 1, 98), np.ones(98)
    assert find_threshold(texts, texts, accuracy=0.97) is None


def test_the_accuracy_above_the_threshold_falls_short_in_one_of_twenty_draws_at_most():
    # Above t the expected accuracy is the mean of the confidences there: (1 + t) / 2.
    generator = np.random.default_rng(0)
    broken, found = 0, []
    for _ in range(600):
        threshold = find_threshold(draw(generator, 500), draw(generator, 500), accuracy=0.9)
        if threshold is not None:
            found.append(threshold.coverage)
            broken += (1 + threshold.threshold) / 2 < 0.9
    assert broken / 600 <= 0.05 + 2 * (0.05 * 0.95 / 600) ** 0.5
    assert np.mean(found) > 0.2  # of the 0.4 that a perfect judge would answer


def test_a_hopeless_student_answers_nothing():
    generator = np.random.default_rng(0)
    halves = [draw(generator, 1000, lambda confidence: 0.6) for _ in range(2)]
    assert find_threshold(*halves, accuracy=0.9) is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"accuracy": 1.0}, "accuracy must be above 0 and below 1, got 1.0"),
        ({"confidence": 0}, "confidence must be above 0 and below 1, got 0"),
        ({"testing": ([0.5], [])}, "testing holds confidences of shape"),
        ({"proposing": ([], [])}, "at least one text"),
    ],
)
def test_what_cannot_be_judged_is_refused(changed, message):
    halves = {"proposing": ([0.5], [True]), "testing": ([0.5], [True]), "accuracy": 0.9}
    with pytest.raises(ValueError, match=message):
        find_threshold(**{**halves, **changed})
