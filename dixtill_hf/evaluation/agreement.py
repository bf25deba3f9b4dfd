# SPDX-License-Identifier: Apache-2.0
"""How far two explanations of one text agree: cosine, rank correlation, and the top k words.

An explanation is one signed score per word. A word that scores exactly 0 is no feature of it. The
measures at k are those of Krishna et al., 2022 (arXiv:2202.01602): a text's k most important words
are those of largest absolute score above 0; of words that score alike, the earlier one ranks first;
where the teacher scores fewer than k words, k is their number.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOP_K_MEASURES = ("feature", "sign", "rank", "signed_rank")
"""What agrees among the k most important words; `explanation_agreement` names their means
`feature_agreement@k` and so on."""

Scores = NDArray[np.float64]


def cosine(teacher: ArrayLike, student: ArrayLike) -> float:
    """Cosine between two explanations of one text, in [-1, 1].

    Args:
        teacher: Scores of the reference explanation, shape `(words,)`.
        student: Scores of the explanation to judge, shape `(words,)`.

    Returns:
        The cosine; 0 when every score of the student is 0.

    Raises:
        ValueError: The shapes differ, a score is not finite, or every score of the teacher is 0.
    """
    return _cosine(*_checked_pair(teacher, student))


def kendall(teacher: ArrayLike, student: ArrayLike) -> float:
    """Kendall's τ-b between the signed scores of all words, in [-1, 1].

    Args:
        teacher: Scores of the reference explanation, shape `(words,)`.
        student: Scores of the explanation to judge, shape `(words,)`.

    Returns:
        The correlation; 0 when the student scores all words alike.

    Raises:
        ValueError: The shapes differ, a score is not finite, or the teacher scores all words
            alike, as it does where there is only one.
    """
    return _correlations(*_ranked_pair(teacher, student))[0]


def spearman(teacher: ArrayLike, student: ArrayLike) -> float:
    """Spearman's rank correlation between the signed scores of all words, in [-1, 1].

    Words that score alike share the mean of their ranks. Arguments, edges and errors are those of
    `kendall`.
    """
    return _correlations(*_ranked_pair(teacher, student))[1]


def feature_agreement(teacher: ArrayLike, student: ArrayLike, k: int) -> float:
    """Share of the teacher's k most important words that are among the student's k too.

    Args:
        teacher: Scores of the reference explanation, shape `(words,)`.
        student: Scores of the explanation to judge, shape `(words,)`.
        k: Number of words that count as important, at least 1.

    Returns:
        The agreement, in [0, 1].

    Raises:
        ValueError: k is below 1, the shapes differ, a score is not finite, or every score of
            the teacher is 0.
    """
    return _top_k_measure("feature", teacher, student, k)


def sign_agreement(teacher: ArrayLike, student: ArrayLike, k: int) -> float:
    """Feature agreement that counts only words whose scores have the same sign.

    Arguments, range and errors are those of `feature_agreement`.
    """
    return _top_k_measure("sign", teacher, student, k)


def rank_agreement(teacher: ArrayLike, student: ArrayLike, k: int) -> float:
    """Feature agreement that counts only words with the same place in both rankings.

    Arguments, range and errors are those of `feature_agreement`.
    """
    return _top_k_measure("rank", teacher, student, k)


def signed_rank_agreement(teacher: ArrayLike, student: ArrayLike, k: int) -> float:
    """Feature agreement that counts only words with the same place and the same sign.

    Arguments, range and errors are those of `feature_agreement`.
    """
    return _top_k_measure("signed_rank", teacher, student, k)


def explanation_agreement(
    teachers: Sequence[ArrayLike], students: Sequence[ArrayLike], ks: Iterable[int] = (1, 3, 5)
) -> dict[str, Any]:
    """Mean agreement of the students' explanations with the teachers', over texts.

    Texts without words, and texts of which the teacher scores every word 0, have no agreement:
    they are left out of the means and counted. Rank correlations also need a teacher that does
    not score all words alike: their means are over the texts of which this is so.

    Args:
        teachers: Reference scores, one array of shape `(words,)` per text.
        students: Scores to judge, one array per text, of the same shapes.
        ks: Numbers of words that count as important.

    Returns:
        The means over the texts by name (None without texts). The names are `cosine`, `kendall`,
        `spearman`, and for each k `feature_agreement@k`, `sign_agreement@k`, `rank_agreement@k`
        and `signed_rank_agreement@k`. The counts `texts` (in the means), `left_out`, and
        `unranked` (texts that the rank correlations leave out) come with them.

    Raises:
        ValueError: There is no text or no k, a k is below 1, the numbers of texts differ, or
            the scores of a text, which is named, differ in shape or are not finite.
    """
    ks = sorted(set(ks))
    if not ks:
        raise ValueError("ks is empty: give the numbers of words to compare, such as (1, 3, 5).")
    for k in ks:
        _check_k(k)
    if len(teachers) != len(students) or len(teachers) == 0:
        raise ValueError(
            f"got {len(teachers)} explanations of the teacher and {len(students)} of the student: "
            "give one of each per text, and at least one text."
        )
    pairs = [
        _checked_shapes(teacher, student, f"text {index}: ")
        for index, (teacher, student) in enumerate(zip(teachers, students, strict=True))
    ]
    scored = [pair for pair in pairs if pair[0].any()]
    ranked = [pair for pair in scored if _ranks_words(pair[0])]
    names = [f"{measure}_agreement@{k}" for k in ks for measure in TOP_K_MEASURES]
    return {
        **_means(["cosine"], [[_cosine(*pair)] for pair in scored]),
        **_means(["kendall", "spearman"], [_correlations(*pair) for pair in ranked]),
        **_means(names, [np.ravel(_top_k_agreement(*pair, ks)) for pair in scored]),
        "texts": len(scored),
        "left_out": len(pairs) - len(scored),
        "unranked": len(scored) - len(ranked),
    }


def _means(names: Sequence[str], rows: Sequence[ArrayLike]) -> dict[str, float | None]:
    means = np.asarray(rows, dtype=float).mean(axis=0).tolist() if rows else [None] * len(names)
    return dict(zip(names, means, strict=True))


def _cosine(teacher: Scores, student: Scores) -> float:
    if not student.any():
        return 0.0
    # Dividing by the largest score first keeps the squares of very small scores above zero.
    teacher, student = teacher / np.abs(teacher).max(), student / np.abs(student).max()
    value = teacher @ student / np.sqrt((teacher @ teacher) * (student @ student))
    return float(np.clip(value, -1.0, 1.0))


def _correlations(teacher: Scores, student: Scores) -> tuple[float, float]:
    """Kendall's τ-b and Spearman's rank correlation.

    Both are cosines: the first that of the signs of all differences between two words, the second
    that of the signs' sums over the second word, which are the ranks, doubled and centred.
    """
    signs = [np.sign(scores[:, None] - scores) for scores in (teacher, student)]
    ranks = [sign.sum(axis=1) for sign in signs]
    return _cosine(signs[0].ravel(), signs[1].ravel()), _cosine(*ranks)


def _top_k_measure(measure: str, teacher: ArrayLike, student: ArrayLike, k: int) -> float:
    _check_k(k)
    (values,) = _top_k_agreement(*_checked_pair(teacher, student), [k])
    return values[TOP_K_MEASURES.index(measure)]


def _top_k_agreement(teacher: Scores, student: Scores, ks: Iterable[int]) -> list[list[float]]:
    """The `TOP_K_MEASURES` at each k of two checked explanations."""
    ranking = _ranking(teacher)
    student_ranking = _ranking(student)
    place = np.full(len(student), len(student))  # in the student's ranking, or beyond any k
    place[student_ranking] = np.arange(len(student_ranking))
    place, same_sign = place[ranking], np.sign(teacher[ranking]) == np.sign(student[ranking])
    same_place = place == np.arange(len(ranking))
    rows = []
    for k in ks:
        top = slice(min(k, len(ranking)))
        shared = place[top] < min(k, len(ranking))
        agreeing = (shared, shared & same_sign[top], same_place[top], (same_place & same_sign)[top])
        rows.append([float(words.mean()) for words in agreeing])
    return rows


def _ranking(scores: Scores) -> NDArray[np.intp]:
    """Positions of the words by absolute score, the earlier first among equals, without zeros."""
    ranking = np.argsort(-np.abs(scores), kind="stable")
    return ranking[scores[ranking] != 0]


def _ranks_words(scores: Scores) -> bool:
    """Whether two words score differently."""
    return bool((scores != scores[0]).any())


def _check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be at least 1 (the number of words to compare), got {k}")


def _checked_pair(teacher: ArrayLike, student: ArrayLike) -> tuple[Scores, Scores]:
    teacher, student = _checked_shapes(teacher, student)
    if not teacher.any():
        raise ValueError(
            f"the teacher scores none of the {len(teacher)} words, so agreement with it is "
            "undefined: leave this text out, as explanation_agreement does."
        )
    return teacher, student


def _ranked_pair(teacher: ArrayLike, student: ArrayLike) -> tuple[Scores, Scores]:
    teacher, student = _checked_pair(teacher, student)
    if not _ranks_words(teacher):
        raise ValueError(
            f"the teacher scores all {len(teacher)} words alike, so rank correlation with it is "
            "undefined: leave this text out, as explanation_agreement does."
        )
    return teacher, student


def _checked_shapes(
    teacher: ArrayLike, student: ArrayLike, place: str = ""
) -> tuple[Scores, Scores]:
    teacher, student = np.asarray(teacher, dtype=float), np.asarray(student, dtype=float)
    if teacher.ndim != 1 or teacher.shape != student.shape:
        raise ValueError(
            f"{place}the teacher's scores have shape {teacher.shape} and the student's "
            f"{student.shape}: both must be (words,), one score for each word of the text."
        )
    for name, scores in (("teacher", teacher), ("student", student)):
        if not np.isfinite(scores).all():
            word = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise ValueError(
                f"{place}the {name}'s score of word {word} is {scores[word]}, but scores must be "
                "finite."
            )
    return teacher, student
