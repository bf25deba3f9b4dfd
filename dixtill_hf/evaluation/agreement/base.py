# SPDX-License-Identifier: Apache-2.0
"""Measures of how far two explanations of one text agree: what they read, and their registry.

An explanation is one signed score per word. A word that scores exactly 0 is no feature of it. The
measures at k are those of Krishna et al., 2022 (arXiv:2202.01602): a text's k most important words
are those of largest absolute score above 0; of words that score alike, the earlier one ranks first;
where the teacher scores fewer than k words, k is their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dixtill_hf.data.names import check_name

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class TopWords:
    """How the student sees the teacher's k most important words; each array is `(words,)`.

    Attributes:
        shared: Whether a word is among the student's k most important words too.
        same_sign: Whether its two scores have the same sign.
        same_place: Whether it has the same place in both rankings.
    """

    shared: NDArray[np.bool_]
    same_sign: NDArray[np.bool_]
    same_place: NDArray[np.bool_]


@dataclass(frozen=True)
class ExplanationPair:
    """Two explanations of the words of one text.

    Attributes:
        teacher: Scores of the reference, `(words,)`; at least one is not 0.
        student: Scores of the explanation to judge, `(words,)`.
    """

    teacher: Scores
    student: Scores

    @property
    def is_ranked(self) -> bool:
        """Whether the teacher scores two words differently."""
        return bool((self.teacher != self.teacher[0]).any())

    @cached_property
    def orders(self) -> tuple[Scores, Scores]:
        """Signs of the differences of all words, the teacher's and the student's, `(words, words)`.

        The sum of a row is the rank of its word, doubled and centred.
        """
        teacher, student = (np.sign(s[:, None] - s) for s in (self.teacher, self.student))
        return teacher, student

    def top(self, k: int) -> TopWords:
        """What agrees among the teacher's k most important words, in the order of its ranking."""
        words = self._ranked_words
        k = min(k, len(words.shared))
        return TopWords(self._places[:k] < k, words.same_sign[:k], words.same_place[:k])

    @cached_property
    def _ranking(self) -> NDArray[np.intp]:
        return _ranking(self.teacher)

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """Places in the student's ranking of the words of the teacher's; beyond any k for none."""
        ranking = _ranking(self.student)
        places = np.full(len(self.student), len(self.student))
        places[ranking] = np.arange(len(ranking))
        return places[self._ranking]

    @cached_property
    def _ranked_words(self) -> TopWords:
        ranking, places = self._ranking, self._places
        same_sign = np.sign(self.teacher[ranking]) == np.sign(self.student[ranking])
        same_place = places == np.arange(len(ranking))
        return TopWords(places < len(ranking), same_sign, same_place)


@dataclass(frozen=True)
class Measure:
    """One number for the agreement of two explanations.

    Attributes:
        name: What users and reports call it.
        summary: What its mean over texts is, in a line.
        function: From an `ExplanationPair`, and k if `at_k`, to the number.
        at_k: Whether it reads the k most important words only.
        needs_ranking: Whether it is undefined if the teacher scores all words alike.
    """

    name: str
    summary: str
    function: Callable[..., float]
    at_k: bool = False
    needs_ranking: bool = False


_MEASURES: dict[str, Measure] = {}


def register_measure(
    name: str, summary: str, *, at_k: bool = False, needs_ranking: bool = False
) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Decorate a function to make it known as a measure; see `Measure` for the arguments.

    Raises:
        ValueError: There is a measure of that name already.
    """
    if name in _MEASURES:
        raise ValueError(f"There already is a measure of agreement {name!r}: name it differently.")

    def register(function: Callable[..., float]) -> Callable[..., float]:
        _MEASURES[name] = Measure(name, summary, function, at_k, needs_ranking)
        return function

    return register


def known_measures() -> Mapping[str, Measure]:
    """All measures by name: those of this folder, and those that were registered elsewhere."""
    _import_this_folder()
    return _MEASURES


def agreement(measure: str, teacher: ArrayLike, student: ArrayLike, k: int | None = None) -> float:
    """Agreement of two explanations of one text.

    Args:
        measure: Name in `known_measures()`, such as "cosine" or "feature_agreement".
        teacher: Scores of the reference explanation, shape `(words,)`.
        student: Scores of the explanation to judge, shape `(words,)`.
        k: Number of words that count as important, at least 1, for the measures at k; None for the
            others.

    Raises:
        ValueError: The measure is unknown, k is below 1, missing or has no effect, the shapes
            differ, a score is not finite, every score of the teacher is 0, or the measure needs a
            ranking and the teacher scores all words alike, as it does where there is only one.
    """
    measures = known_measures()
    check_name("measure", measure, measures)
    chosen = measures[measure]
    if chosen.at_k != (k is not None):
        needed = "needs a number of words" if chosen.at_k else "reads all words, so it must be None"
        raise ValueError(f"k is {k}, but {measure} {needed}.")
    pair = ExplanationPair(*_checked_shapes(teacher, student))
    if not pair.teacher.any():
        raise ValueError(
            f"the teacher scores none of the {len(pair.teacher)} words, so agreement with it is "
            "undefined: leave this text out, as explanation_agreement does."
        )
    if chosen.needs_ranking and not pair.is_ranked:
        raise ValueError(
            f"the teacher scores all {len(pair.teacher)} words alike, so rank correlation with it "
            "is undefined: leave this text out, as explanation_agreement does."
        )
    if k is None:
        return chosen.function(pair)
    _check_k(k)
    return chosen.function(pair, k)


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
        The means over the texts by name (None without texts), of every measure of this folder,
        such as `cosine`, `kendall` and `spearman`, and for each k `feature_agreement@k`,
        `rank_agreement@k`, `sign_agreement@k` and `signed_rank_agreement@k`. The counts `texts`
        (in the means), `left_out`, and `unranked` (texts that the rank correlations leave out)
        come with them.

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
        ExplanationPair(*_checked_shapes(teacher, student, f"text {index}: "))
        for index, (teacher, student) in enumerate(zip(teachers, students, strict=True))
    ]
    scored = [pair for pair in pairs if pair.teacher.any()]
    ranked = [pair for pair in scored if pair.is_ranked]
    measures = [known_measures()[name] for name in sorted(known_measures())]
    means: dict[str, float | None] = {}
    for measure in measures:
        if not measure.at_k:
            used = ranked if measure.needs_ranking else scored
            means[measure.name] = _mean([measure.function(pair) for pair in used])
    for k in ks:
        for measure in measures:
            if measure.at_k:
                used = ranked if measure.needs_ranking else scored
                values = [measure.function(pair, k) for pair in used]
                means[f"{measure.name}@{k}"] = _mean(values)
    return {
        **means,
        "texts": len(scored),
        "left_out": len(pairs) - len(scored),
        "unranked": len(scored) - len(ranked),
    }


def cosine_of(teacher: Scores, student: Scores) -> float:
    """Cosine of two vectors of which the first is not 0; 0 when the second is."""
    if not student.any():
        return 0.0
    # Dividing by the largest score first keeps the squares of very small scores above zero.
    teacher, student = teacher / np.abs(teacher).max(), student / np.abs(student).max()
    value = teacher @ student / np.sqrt((teacher @ teacher) * (student @ student))
    return float(np.clip(value, -1.0, 1.0))


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _ranking(scores: Scores) -> NDArray[np.intp]:
    """Positions of the words by absolute score, the earlier first among equals, without zeros."""
    ranking = np.argsort(-np.abs(scores), kind="stable")
    return ranking[scores[ranking] != 0]


def _check_k(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be at least 1 (the number of words to compare), got {k}")


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


@cache
def _import_this_folder() -> None:
    folder = import_module(__package__)
    for module in iter_modules(folder.__path__):
        import_module(f"{__package__}.{module.name}")
