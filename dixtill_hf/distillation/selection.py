# SPDX-License-Identifier: Apache-2.0
"""Which texts to ask a costly teacher about, and rounds of asking and training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict

from dixtill_hf.data.names import check_name
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.data.words import without_spans
from dixtill_hf.distillation.distill import distill
from dixtill_hf.student.explaining import Explanation
from dixtill_hf.student.student import Student
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.teacher.prompted.asking import LabelAsker, TextAnswers

# Words that are taken away, one after the other, to see whether the label stays.
REMOVED_WORDS = 5


def select_for_teacher(
    texts: Sequence[str],
    student: Student | None,
    budget: int,
    by: str = "entropy",
    *,
    seed: int = 0,
) -> list[int]:
    """Choose the texts whose answers by the teacher should teach a student most.

    Args:
        texts: Texts that the teacher has not answered.
        student: A student that learned from fewer texts; None only with `by="random"`.
        budget: Texts to choose, at least 1; all of them if there are no more.
        by: How they are chosen:

            - "random": at random.
            - "entropy": where the student's probabilities are most even.
            - "margin": where its two most probable labels are nearest to each other.
            - "explanation_instability": where its label changes soonest as the words with the
              largest contributions to it are taken away, one after the other, at most 5 of them
              (after ELAD, Zhang et al. 2024, where steps of a language model's explanation are
              taken); equal ones by their margin.
        seed: Seed of the random choice.

    Returns:
        Positions of the chosen texts, those to ask first at the beginning.

    Raises:
        ValueError: The way is unknown, it needs a student, or the budget is below 1.
    """
    check_name("way of choosing texts", by, SELECTIONS)
    if budget < 1:
        raise ValueError(f"budget must be at least 1, got {budget}.")
    if by == "random":
        order = np.random.default_rng(seed).permutation(len(texts))
        return order[:budget].tolist()
    if student is None:
        raise ValueError(
            f"by={by!r} needs a student that has learned from some texts: choose the first ones "
            "with by='random'."
        )
    return SELECTIONS[by](student, student.explain(list(texts)))[:budget]


def _by_entropy(student: Student, explained: Sequence[Explanation]) -> list[int]:
    probabilities = _probabilities(explained)
    logs = np.log(np.maximum(probabilities, np.finfo(float).tiny))
    return np.argsort((probabilities * logs).sum(1), kind="stable").tolist()


def _by_margin(student: Student, explained: Sequence[Explanation]) -> list[int]:
    return np.argsort(_margins(explained), kind="stable").tolist()


def _by_instability(student: Student, explained: Sequence[Explanation]) -> list[int]:
    stable = np.array(steps_to_change(student, explained))
    return np.lexsort((_margins(explained), stable)).tolist()


# In the order in which the help names them; the first needs no student.
SELECTIONS: dict[str, Callable[[Student, Sequence[Explanation]], list[int]]] = {
    "random": lambda student, explained: list(range(len(explained))),
    "entropy": _by_entropy,
    "margin": _by_margin,
    "explanation_instability": _by_instability,
}


def steps_to_change(
    student: Student, explained: Sequence[Explanation], most: int = REMOVED_WORDS
) -> list[int]:
    """How many of the words with the largest contributions a label survives.

    Args:
        student: The student.
        explained: Its explanations of the labels that it predicts.
        most: Words that are taken away at most, one after the other.

    Returns:
        For every text the number of words without which its label is another one first; `most` + 1
        if it stays.
    """
    changed: list[str] = []
    owners: list[tuple[int, int]] = []
    for row, one in enumerate(explained):
        order = np.argsort(-np.asarray(one.scores), kind="stable")[:most]
        for step in range(1, len(order) + 1):
            changed.append(without_spans(one.text, [one.spans[place] for place in order[:step]]))
            owners.append((row, step))
    found = student.explain(changed)
    steps = [most + 1] * len(explained)
    for (row, step), again in zip(owners, found, strict=True):
        if again.label != explained[row].label:
            steps[row] = min(steps[row], step)
    return steps


def ask_for_corrections(
    texts: Sequence[str], student: Student, asker: LabelAsker, words: int = 5
) -> list[TextAnswers]:
    """Show a language model what the student says and why, and ask it for the right label.

    The teacher corrects the student's own explanation (after ELAD, Zhang et al. 2024), which is
    cheaper for it than to explain anew, and aims at what the student has misunderstood.

    Args:
        texts: The texts, such as those that `select_for_teacher` chose.
        student: The student.
        asker: What is asked; with `quotes=True` the answers quote the words that should decide.
        words: Most words of the student's explanation that are shown.

    Returns:
        The answer to every text, in their order.

    Raises:
        BudgetExceededError: The budget does not suffice.
    """
    notes = []
    for one in student.explain(list(texts)):
        shown = ", ".join(map(repr, one.deciding_words(words)))
        because = f" because of the words {shown}" if shown else ""
        notes.append(
            f"(A small model says {asker.prompt.answer_for(one.label)}{because}. It may be wrong: "
            "judge for yourself.)"
        )
    return asker.ask(list(texts), notes)


def _probabilities(explained: Sequence[Explanation]) -> np.ndarray:
    return np.array([list(one.probabilities.values()) for one in explained])


def _margins(explained: Sequence[Explanation]) -> np.ndarray:
    ordered = np.sort(_probabilities(explained), 1)
    return ordered[:, -1] - ordered[:, -2]


def teach_in_rounds(
    texts: Dataset,
    validation: Dataset,
    teacher: Teacher | str | Path,
    output_dir: str | Path,
    budget: int,
    rounds: int = 3,
    by: str = "entropy",
    *,
    seed: int = 0,
    **options: Any,
) -> Student:
    """Ask, train, ask where the new student is unsure, train again.

    The first round's texts are chosen at random. Each round's student learns from all texts asked
    so far. A call that was interrupted and is made again goes on where it stopped.

    Args:
        texts: Training texts, which need no labels, with the column `text`.
        validation: Texts with which each student is calibrated; the teacher is asked about them
            too, and they do not count for the budget.
        teacher: Whom to ask; see `distill`.
        output_dir: Directory of the rounds; the last one has the student.
        budget: Training texts to ask about, in all rounds together.
        rounds: Number of rounds; each asks about the same number of texts.
        by: How texts are chosen from the second round on; see `select_for_teacher`.
        seed: Seed of the first choice and of the students.
        **options: Options of `distill`.

    Returns:
        The student of the last round.

    Raises:
        ValueError: There are more rounds than texts to ask about, or as `distill` says.
    """
    if not 1 <= rounds <= budget:
        raise ValueError(f"rounds must be 1 to the budget of {budget} texts, got {rounds}.")
    budget = min(budget, len(texts))
    asked: list[int] = []
    student: Student | None = None
    for number in range(rounds):
        left = sorted({*range(len(texts))} - {*asked})
        wanted = budget * (number + 1) // rounds - len(asked)
        way = by if number else "random"
        given = texts_of(texts.select(left))
        chosen = select_for_teacher(given, student, wanted, way, seed=seed)
        asked += [left[place] for place in chosen]
        data = DatasetDict(train=texts.select(asked), validation=validation)
        directory = Path(output_dir) / f"round-{number + 1}"
        student = distill(data, teacher, directory, seed=seed, unlabelled=True, **options)
    assert student is not None
    return student
