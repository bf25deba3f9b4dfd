# SPDX-License-Identifier: Apache-2.0
"""Agreement measures against hand arithmetic, and their edges."""

import math
from functools import partial

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from dixtill_hf.evaluation.agreement import base
from dixtill_hf.evaluation.agreement.base import (
    agreement,
    explanation_agreement,
    known_measures,
    register_measure,
)

cosine, kendall, spearman, *AT_K = (
    partial(agreement, name)
    for name in (
        *("cosine", "kendall", "spearman"),
        *("feature_agreement", "sign_agreement", "rank_agreement", "signed_rank_agreement"),
    )
)
feature_agreement, sign_agreement, rank_agreement, signed_rank_agreement = AT_K
KINDS = ("feature", "rank", "sign", "signed_rank")

TEACHER = [0.9, -0.5, 0.1, 0.3, -0.2]
STUDENT = [0.2, 0.6, -0.1, 0.5, -0.3]


# Words by absolute score: the teacher's 0, 1, 3, 4, 2; the student's 1, 3, 4, 0, 2.
@pytest.mark.parametrize(
    ("k", "feature", "sign"),
    [(1, 0, 0), (2, 1 / 2, 0), (3, 2 / 3, 1 / 3), (4, 1, 3 / 4), (5, 1, 3 / 5), (9, 1, 3 / 5)],
)
def test_top_k_agreement_is_what_one_counts_by_hand(k, feature, sign):
    assert feature_agreement(TEACHER, STUDENT, k) == pytest.approx(feature)
    assert sign_agreement(TEACHER, STUDENT, k) == pytest.approx(sign)


# By absolute score: the teacher's 0, 1, 3, 2, 4; the student's 0, 3, 1, 2. They share places 1
# and 4, the words 0 and 2; of these only word 0 has the same sign.
@pytest.mark.parametrize(
    ("k", "rank", "signed_rank"),
    [(1, 1, 1), (2, 1 / 2, 1 / 2), (3, 1 / 3, 1 / 3), (4, 2 / 4, 1 / 4), (5, 2 / 5, 1 / 5)],
)
def test_rank_agreement_is_what_one_counts_by_hand(k, rank, signed_rank):
    teacher, student = [0.9, -0.5, 0.2, 0.3, 0.1], [0.8, -0.4, -0.2, 0.6, 0.0]
    assert rank_agreement(teacher, student, k) == pytest.approx(rank)
    assert signed_rank_agreement(teacher, student, k) == pytest.approx(signed_rank)


def test_rank_correlations_are_what_one_computes_by_hand():
    # Of the 6 pairs of words 4 are in the same order; squared differences of ranks sum up to 6.
    teacher, student = [1, 2, 3, 4], [-1, 5, 0, 2]
    assert kendall(teacher, student) == pytest.approx((4 - 2) / 6)
    assert spearman(teacher, student) == pytest.approx(1 - 6 * 6 / (4 * (16 - 1)))


@pytest.mark.parametrize("words", [2, 3, 10, 60])
def test_rank_correlations_are_scipys_ties_or_not(words):
    generator = np.random.default_rng(words)
    for values in (3, 5, 1000):
        teacher, student = generator.integers(values, size=(2, words)) / 7 - 0.2
        teacher[:2], student[:2] = (0.1, 0.2), (0.3, -0.3)
        assert kendall(teacher, student) == pytest.approx(kendalltau(teacher, student).statistic)
        assert spearman(teacher, student) == pytest.approx(spearmanr(teacher, student).statistic)


def test_rank_correlations_without_a_ranking():
    assert kendall([1, 2, 3], [4, 4, 4]) == spearman([1, 2, 3], [0, 0, 0]) == 0
    for measure in (kendall, spearman):
        with pytest.raises(ValueError, match="scores all 3 words alike"):
            measure([4, 4, 4], [1, 2, 3])


def test_cosine_is_what_one_computes_by_hand():
    assert cosine([3, 4], [4, 3]) == pytest.approx(24 / 25)
    assert cosine([1, 0], [0, 5]) == 0
    assert cosine([1, 2], [-1, -2]) == pytest.approx(-1)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_cosine_knows_no_scale(scale):
    assert cosine(np.array(TEACHER) * scale, STUDENT) == pytest.approx(cosine(TEACHER, STUDENT))


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_an_explanation_agrees_with_itself_even_where_it_is_sparse(k):
    sparse = [0.0, -0.4, 0.0, 0.0, 0.7]
    assert feature_agreement(sparse, sparse, k) == 1
    assert sign_agreement(sparse, sparse, k) == 1
    assert cosine(sparse, sparse) == pytest.approx(1)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_the_opposite_explanation_shares_all_words_and_no_sign(k):
    assert feature_agreement(TEACHER, np.negative(TEACHER), k) == 1
    assert sign_agreement(TEACHER, np.negative(TEACHER), k) == 0


def test_of_equal_scores_the_earlier_word_ranks_first():
    assert feature_agreement([0.5, -0.5, 0.5], [1.0, 0.0, 0.0], k=1) == 1
    assert feature_agreement([0.5, -0.5, 0.5], [0.0, 0.0, 1.0], k=1) == 0


def test_words_that_score_zero_are_nobodys_features():
    # The teacher scores one word, so k is 1; the student's zeros do not fill up its ranking.
    assert feature_agreement([0, 0, 2, 0], [0, 0, 1, 3], k=3) == 0
    assert feature_agreement([1, 2, 3], [0, 0, 1], k=3) == pytest.approx(1 / 3)


def test_a_student_that_scores_nothing_agrees_in_nothing():
    result = explanation_agreement([[1, 2]], [[0, 0]], ks=(1, 2))
    assert result.pop("texts") == 1
    assert set(result.values()) == {0}


def test_means_are_over_the_texts_that_have_an_agreement():
    result = explanation_agreement(
        teachers=[[3, 4], [], [0, 0], [1, 0]], students=[[4, 3], [], [1, 2], [2, 0]], ks=[1]
    )
    assert result == {
        "cosine": pytest.approx((24 / 25 + 1) / 2),
        "kendall": pytest.approx((-1 + 1) / 2),
        "spearman": pytest.approx((-1 + 1) / 2),
        **{f"{measure}_agreement@1": 0.5 for measure in KINDS},
        "texts": 2,
        "left_out": 2,
        "unranked": 0,
    }


def test_rank_correlations_leave_out_texts_that_the_teacher_does_not_rank():
    result = explanation_agreement([[1, 2], [3], [2, 2]], [[2, 4], [3], [1, 2]], ks=[1])
    assert (result["texts"], result["left_out"], result["unranked"]) == (3, 0, 2)
    assert result["kendall"] == result["spearman"] == pytest.approx(1)
    assert result["cosine"] == pytest.approx((1 + 1 + 3 / 10**0.5) / 3)
    result = explanation_agreement([[3]], [[3]], ks=[1])
    assert result["kendall"] is result["spearman"] is None
    assert result["cosine"] == 1


def test_means_are_none_when_every_text_is_left_out():
    result = explanation_agreement([[], [0.0]], [[], [1.0]], ks=[3])
    counts = {name: result.pop(name) for name in ("texts", "left_out", "unranked")}
    assert counts == {"texts": 0, "left_out": 2, "unranked": 0}
    assert set(result.values()) == {None}


def test_default_ks_and_plain_floats():
    result = explanation_agreement([TEACHER], [STUDENT])
    assert list(result) == [
        *("cosine", "kendall", "spearman"),
        *(f"{kind}_agreement@{k}" for k in (1, 3, 5) for kind in KINDS),
        *("texts", "left_out", "unranked"),
    ]
    assert {type(value) for value in result.values()} == {float, int}


def test_means_are_those_of_the_single_measures():
    generator = np.random.default_rng(0)
    teachers, students = ([generator.normal(size=n) for n in (2, 4, 9)] for _ in range(2))
    result = explanation_agreement(teachers, students, ks=[2])
    for name, measure in {
        "cosine": cosine,
        "kendall": kendall,
        "spearman": spearman,
        "feature_agreement@2": lambda t, s: feature_agreement(t, s, 2),
        "sign_agreement@2": lambda t, s: sign_agreement(t, s, 2),
        "rank_agreement@2": lambda t, s: rank_agreement(t, s, 2),
        "signed_rank_agreement@2": lambda t, s: signed_rank_agreement(t, s, 2),
    }.items():
        values = [measure(*pair) for pair in zip(teachers, students, strict=True)]
        assert result[name] == pytest.approx(np.mean(values)), name


def test_random_explanations_share_k_of_n_words_on_average():
    generator = np.random.default_rng(0)
    teachers, students = generator.normal(size=(2, 4000, 12))
    result = explanation_agreement(teachers, students, ks=[3])
    assert result["feature_agreement@3"] == pytest.approx(3 / 12, abs=0.02)
    assert result["sign_agreement@3"] == pytest.approx(3 / 24, abs=0.02)
    assert result["rank_agreement@3"] == pytest.approx(1 / 12, abs=0.02)
    assert result["signed_rank_agreement@3"] == pytest.approx(1 / 24, abs=0.02)
    for measure in ("cosine", "kendall", "spearman"):
        assert result[measure] == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("measure", [cosine, kendall, lambda t, s: signed_rank_agreement(t, s, 1)])
@pytest.mark.parametrize(
    ("teacher", "student", "message"),
    [
        ([1, 2], [1], r"shape \(2,\) and the student's \(1,\)"),
        ([[1, 2]], [[1, 2]], r"must be \(words,\)"),
        ([1, math.nan], [1, 2], "teacher's score of word 1 is nan"),
        ([1, 2], [math.inf, 2], "student's score of word 0 is inf"),
        ([0, 0], [1, 2], "scores none of the 2 words"),
        ([], [], "scores none of the 0 words"),
    ],
)
def test_bad_scores_are_named(measure, teacher, student, message):
    with pytest.raises(ValueError, match=message):
        measure(teacher, student)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1]], [[1]], [0]), "k must be at least 1 .* got 0"),
        (([[1]], [[1]], []), "ks is empty"),
        (([[1], [2]], [[1]]), "2 explanations of the teacher and 1 of the student"),
        (([], []), "at least one text"),
        (([[1], [2, 3]], [[1], [2]]), "text 1: the teacher's scores have shape"),
        (([[1], [2]], [[1], [math.nan]]), "text 1: the student's score of word 0 is nan"),
    ],
)
def test_bad_texts_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        explanation_agreement(*arguments)


def test_k_is_for_the_measures_at_k():
    with pytest.raises(ValueError, match="k is 2, but cosine reads all words"):
        agreement("cosine", TEACHER, STUDENT, 2)
    with pytest.raises(ValueError, match="k is None, but rank_agreement needs a number"):
        agreement("rank_agreement", TEACHER, STUDENT)
    with pytest.raises(ValueError, match="Did you mean 'cosine'"):
        agreement("cosin", TEACHER, STUDENT)


def test_a_measure_is_known_by_being_registered(monkeypatch):
    monkeypatch.setattr(base, "_MEASURES", dict(known_measures()))

    @register_measure("first_sign", "share of texts whose first word has the same sign.")
    def first_sign(pair):
        return float(pair.teacher[0] * pair.student[0] > 0)

    result = explanation_agreement([[1, 2], [3, 4]], [[1, 2], [-3, 4]], ks=[1])
    assert result["first_sign"] == 0.5
    assert agreement("first_sign", [1, 2], [-1, 2]) == 0
    with pytest.raises(ValueError, match="already is a measure of agreement 'cosine'"):
        register_measure("cosine", "another one.")
