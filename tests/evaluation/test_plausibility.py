# SPDX-License-Identifier: Apache-2.0
"""Explanations against gold rationales that one can read."""

import math

import pytest

from dixtill_hf.data.embedded import financial_headlines
from dixtill_hf.evaluation.faithfulness import random_scores
from dixtill_hf.evaluation.plausibility import plausibility, rationale_words

TEXT = "Acme did not raise its outlook."  # 7 words: the full stop is one
GOLD = [[9, 18]]  # "not raise"


def test_words_with_a_character_in_the_rationale_are_in_it():
    expected = [False, False, True, True, False, False, False]
    assert rationale_words(TEXT, GOLD).tolist() == expected
    assert rationale_words(TEXT, [[11, 14]]).tolist() == expected  # "t r"
    assert rationale_words(TEXT, [[8, 9], [18, 19]]).tolist() == [False] * 7  # spaces
    assert rationale_words(TEXT, [[9, 12], [13, 18]]).tolist() == expected
    assert rationale_words("", []).tolist() == []


def test_one_text_by_hand():
    # Ranking: raise, Acme, not, then the rest as they stand. Of the first two one is right.
    scores = [0.5, -0.9, 0.4, 0.8, 0.0, 0.0, -0.1]
    result = plausibility([TEXT], [scores], [GOLD])
    assert result["token_f1"] == 1 / 2
    # Precision at recall 0, ½, ½ and 1 is 1, 1, ½ and ⅔; trapezoids between them.
    assert result["auprc"] == pytest.approx(1 / 2 + (1 / 2 + 2 / 3) / 2 / 2)
    assert (result["texts"], result["left_out"]) == (1, 0)


def test_scores_against_the_label_count_only_by_magnitude():
    scores = [0.0, 0.0, -0.9, 0.8, 0.1, 0.0, 0.0]
    assert plausibility([TEXT], [scores], [GOLD])["token_f1"] == 1 / 2
    assert plausibility([TEXT], [scores], [GOLD], signed=False)["token_f1"] == 1
    assert plausibility([TEXT], [scores], [GOLD], signed=False)["auprc"] == 1


def test_means_are_over_the_texts_with_a_rationale():
    right, wrong = [0, 0, 1, 1, 0, 0, 0], [1, 1, 0, 0, 1, 1, 1]
    result = plausibility([TEXT] * 4, [right, wrong, right, wrong], [GOLD, GOLD, None, []])
    assert result["token_f1"] == 1 / 2
    assert (result["texts"], result["left_out"]) == (2, 2)
    nothing = plausibility([TEXT, ""], [right, []], [None, []])
    assert nothing == {"token_f1": None, "auprc": None, "texts": 0, "left_out": 2}


def test_rationales_explain_themselves_and_chance_does_not():
    data = financial_headlines(train=1, test=100)["test"]
    texts, rationales = data["text"][:], data["rationale"][:]
    golden = [rationale_words(*pair) for pair in zip(texts, rationales, strict=True)]
    assert plausibility(texts, golden, rationales)["token_f1"] == 1
    assert plausibility(texts, golden, rationales)["auprc"] == 1
    share = sum(gold.mean() for gold in golden) / len(golden)
    chance = plausibility(texts, random_scores(texts), rationales)
    assert chance["token_f1"] == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(
    ("texts", "scores", "rationales", "message"),
    [
        ([], [], [], "at least one text"),
        ([TEXT], [], [GOLD], "1 texts, 0 lists of scores and 1 rationales"),
        ([TEXT], [[1.0]], [GOLD], "text 0 has 7 words"),
        (["Acme"], [[math.nan]], [None], "text 0 has 1 words, its scores are"),
    ],
)
def test_bad_inputs_are_named(texts, scores, rationales, message):
    with pytest.raises(ValueError, match=message):
        plausibility(texts, scores, rationales)
