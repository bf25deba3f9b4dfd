# SPDX-License-Identifier: Apache-2.0
"""Measures of rationales: closed forms, and a model that is made to follow or to ignore them."""

from typing import Any

import numpy as np
import pytest
from datasets import Dataset

from dixtill_hf.rationales import measures
from dixtill_hf.rationales.measures import (
    accuracy,
    counterfactual_consistency,
    leakage_adjusted_simulatability,
    score_answers,
)


def test_simulatability_is_the_mean_of_both_groups() -> None:
    found = leakage_adjusted_simulatability(
        answers=[0, 0, 1, 1], with_text=[1, 1, 1, 0], with_both=[0, 0, 1, 0], with_rationale=[0] * 4
    )
    assert (found.leaking, found.other, found.adjusted) == (1.0, 0.0, 0.5)
    assert found.leaking_share == 0.5
    same = leakage_adjusted_simulatability([1], [1], [1], [0])
    assert (same.leaking, same.adjusted) == (None, 0.0)
    with pytest.raises(ValueError, match="of one length"):
        leakage_adjusted_simulatability([], [], [], [])


def test_scores_of_answers_do_not_depend_on_the_other_choices(model: Any, tokenizer: Any) -> None:
    (all_three,) = score_answers(model, tokenizer, ["A text"], [["bad", "good", "not so good"]])
    (first,) = score_answers(model, tokenizer, ["A text"], [["bad"]])
    np.testing.assert_allclose(all_three[:1], first, rtol=1e-4)
    (told,) = score_answers(model, tokenizer, ["A text"], [["bad"]], ["It fell."])
    assert told != pytest.approx(first)


def test_consistency_is_the_share_of_answers_that_follow(
    model: Any, tokenizer: Any, rationales: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = rationales["teacher_counterfactual_rationales"][:]
    names = rationales.features["label"].names

    def follow(_model: Any, _tokenizer: Any, texts: Any, choices: Any, why: Any, _: Any) -> Any:
        row = {text: number for number, text in enumerate(rationales["text"])}
        places = [own[row[text]].index(one) for text, one in zip(texts, why, strict=True)]
        return [np.eye(3)[place] for place in places]

    monkeypatch.setattr(measures, "score_answers", follow)
    assert counterfactual_consistency(model, tokenizer, rationales) == 1
    monkeypatch.setattr(measures, "score_answers", lambda *given: [np.eye(3)[0]] * len(given[2]))
    assert counterfactual_consistency(model, tokenizer, rationales) == pytest.approx(2 / 6)
    assert accuracy(model, tokenizer, rationales) == pytest.approx(1 / 3)
    assert names[0] == "bad"
