# SPDX-License-Identifier: Apache-2.0
"""How far two explanations of one text agree: cosine, feature agreement and sign agreement.

An explanation is one signed score per word. A word that scores exactly 0 is no feature of it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def feature_agreement(teacher: ArrayLike, student: ArrayLike, k: int) -> float:
    """Share of the teacher's k most important words that are among the student's k too.

    `|top_k(teacher) ∩ top_k(student)| / k`, the most important words being those of largest
    absolute score (Krishna et al., 2022, arXiv:2202.01602). Of words that score alike, the
    earlier one ranks first. Where the teacher scores fewer than k words, k is their number.

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
    teacher, student = _checked_pair(teacher, student)
    return _top_k_agreement(teacher, student, k)[0]


def sign_agreement(teacher: ArrayLike, student: ArrayLike, k: int) -> float:
    """Feature agreement that counts only words whose scores have the same sign.

    Sign agreement of Krishna et al., 2022; ties and small texts as in `feature_agreement`.

    Args:
        teacher: Scores of the reference explanation, shape `(words,)`.
        student: Scores of the explanation to judge, shape `(words,)`.
        k: Number of words that count as important, at least 1.

    Returns:
        The agreement, in [0, 1]; never above the feature agreement at the same k.

    Raises:
        ValueError: k is below 1, the shapes differ, a score is not finite, or every score of
            the teacher is 0.
    """
    teacher, student = _checked_pair(teacher, student)
    return _top_k_agreement(teacher, student, k)[1]


def explanation_agreement(
    teachers: Sequence[ArrayLike], students: Sequence[ArrayLike], ks: Iterable[int] = (1, 3, 5)
) -> dict[str, Any]:
    """Mean agreement of the students' explanations with the teachers', over texts.

    Texts without words, and texts of which the teacher scores every word 0, have no agreement:
    they are left out of the means and counted.

    Args:
        teachers: Reference scores, one array of shape `(words,)` per text.
        students: Scores to judge, one array per text, of the same shapes.
        ks: Numbers of words that count as important.

    Returns:
        `cosine`, `feature_agreement@k` and `sign_agreement@k` for each k (means over texts, or
        None when every text is left out), `texts` (how many the means are over) and `left_out`.

    Raises:
        ValueError: There is no text or no k, a k is below 1, the numbers of texts differ, or
            the scores of a text, which is named, differ in shape or are not finite.
    """
    ks = sorted(set(ks))
    if not ks:
        raise ValueError("ks is empty: give the numbers of words to compare, such as (1, 3, 5)")
    for k in ks:
        _check_k(k)
    if len(teachers) != len(students) or len(teachers) == 0:
        raise ValueError(
            f"got {len(teachers)} explanations of the teacher and {len(students)} of the student: "
            "give one of each per text, and at least one text"
        )
    pairs = [
        _checked_shapes(teacher, student, f"text {index}: ")
        for index, (teacher, student) in enumerate(zip(teachers, students, strict=True))
    ]
    rows = [_all_measures(*pair, ks) for pair in pairs if pair[0].any()]
    names = ["cosine", *(f"{kind}_agreement@{k}" for k in ks for kind in ("feature", "sign"))]
    means = np.mean(rows, axis=0).tolist() if rows else [None] * len(names)
    return {
        **dict(zip(names, means, strict=True)),
        "texts": len(rows),
        "left_out": len(pairs) - len(rows),
    }


def _all_measures(teacher: Scores, student: Scores, ks: Iterable[int]) -> list[float]:
    agreements = [value for k in ks for value in _top_k_agreement(teacher, student, k)]
    return [_cosine(teacher, student), *agreements]


def _cosine(teacher: Scores, student: Scores) -> float:
    if not student.any():
        return 0.0
    # Dividing by the largest score first keeps the squares of very small scores above zero.
    teacher, student = teacher / np.abs(teacher).max(), student / np.abs(student).max()
    value = teacher @ student / np.sqrt((teacher @ teacher) * (student @ student))
    return float(np.clip(value, -1.0, 1.0))


def _top_k_agreement(teacher: Scores, student: Scores, k: int) -> tuple[float, float]:
    """Feature agreement and sign agreement at k of two checked explanations."""
    _check_k(k)
    k = min(k, int(np.count_nonzero(teacher)))
    shared = np.intersect1d(_top_words(teacher, k), _top_words(student, k), assume_unique=True)
    same_sign = np.sign(teacher[shared]) == np.sign(student[shared])
    return len(shared) / k, int(same_sign.sum()) / k


def _top_words(scores: Scores, k: int) -> NDArray[np.intp]:
    """Positions of the k largest absolute scores above 0, the earlier first among equals."""
    ranking = np.argsort(-np.abs(scores), kind="stable")[:k]
    return ranking[scores[ranking] != 0]


def _check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be at least 1 (the number of words to compare), got {k}")


def _checked_pair(teacher: ArrayLike, student: ArrayLike) -> tuple[Scores, Scores]:
    teacher, student = _checked_shapes(teacher, student)
    if not teacher.any():
        raise ValueError(
            f"the teacher scores none of the {len(teacher)} words, so agreement with it is "
            "undefined: leave this text out, as explanation_agreement does"
        )
    return teacher, student


def _checked_shapes(
    teacher: ArrayLike, student: ArrayLike, place: str = ""
) -> tuple[Scores, Scores]:
    teacher, student = np.asarray(teacher, dtype=float), np.asarray(student, dtype=float)
    if teacher.ndim != 1 or teacher.shape != student.shape:
        raise ValueError(
            f"{place}the teacher's scores have shape {teacher.shape} and the student's "
            f"{student.shape}: both must be (words,), one score for each word of the text"
        )
    for name, scores in (("teacher", teacher), ("student", student)):
        if not np.isfinite(scores).all():
            word = int(np.flatnonzero(~np.isfinite(scores))[0])
            raise ValueError(
                f"{place}the {name}'s score of word {word} is {scores[word]}: scores must be finite"
            )
    return teacher, student
