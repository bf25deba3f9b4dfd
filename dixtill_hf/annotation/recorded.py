# SPDX-License-Identifier: Apache-2.0
"""Answers that exist already as a teacher without a model: labels, probabilities, quotes.

They come from a log of a system in use, from people, or from `ask_for_labels`.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset

from dixtill_hf.annotation.worker import added_features
from dixtill_hf.data import columns
from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.quotes import QuoteCount, count_quotes
from dixtill_hf.data.text_pairs import single_texts_of, texts_of
from dixtill_hf.explainers.no_explainer import NoExplainer
from dixtill_hf.explainers.quoted_evidence import read_row, score_words
from dixtill_hf.teacher.loading import match_labels
from dixtill_hf.teacher.prompted.asking import LabelAsker

logger = logging.getLogger(__name__)

TEACHER_LABEL = "teacher_label"
TEACHER_PROBABILITIES = "teacher_probabilities"
TEACHER_QUOTES = "teacher_quotes"
# A probability of 0 would be a logit of minus infinity.
_LEAST_PROBABILITY = 1e-4


@dataclass(frozen=True)
class RecordedAnnotation:
    """A dataset annotated from answers that exist, and what these lacked.

    Attributes:
        dataset: The rows with an answer, with the columns that `annotate` adds.
        left_out: Rows without a label and without probabilities.
        with_probabilities: Rows whose logits are those of given probabilities; the others' are made
            of the label and `certainty`.
        quotes: The quotes, and how many of them were found; None without such a column.
    """

    dataset: Dataset
    left_out: int
    with_probabilities: int
    quotes: QuoteCount | None

    def describe(self) -> list[str]:
        """What was missing, in sentences; empty if nothing was."""
        said = []
        if self.left_out:
            said.append(f"{self.left_out} texts have no answer and are left out.")
        hard = len(self.dataset) - self.with_probabilities
        if hard:
            said.append(
                f"{hard} of {len(self.dataset)} texts have a label without probabilities: their "
                "logits all say the same certainty, and students learn nothing of doubt from them."
            )
        if self.quotes is None:
            said.append("There are no quotes, so students learn no explanation.")
        elif self.quotes.texts < len(self.dataset) or self.quotes.found < self.quotes.quotes:
            said.append(
                f"{self.quotes.texts} of {len(self.dataset)} texts have quotes, and "
                f"{self.quotes.found} of {self.quotes.quotes} quotes are in their text."
            )
        return said


def annotate_recorded(
    dataset: Dataset,
    labels: Sequence[str],
    *,
    label: str = TEACHER_LABEL,
    probabilities: str = TEACHER_PROBABILITIES,
    quotes: str = TEACHER_QUOTES,
    certainty: float = 0.9,
) -> RecordedAnnotation:
    """Annotate a dataset from columns with a language model's or another system's answers.

    A student learns from the result as from that of `annotate`. Reasons in prose are not read:
    what they mention is hardly better evidence than random words.

    Args:
        dataset: Has the column `text` and at least one of the two columns with answers.
        labels: Names of the labels, in the order of the data's ClassLabel.
        label: Column with the label's name or number, None where there is no answer.
        probabilities: Column with a list of probabilities in the order of `labels`, a mapping from
            label to probability, or the same as JSON.
        quotes: Column with the words that were named as evidence; see `read_quotes`.
        certainty: Probability of a label that is given without probabilities, which shares the
            rest among the others equally; between 1 / labels and 1.

    Raises:
        ValueError: A column is missing or holds something else, `certainty` is out of range, or no
            row has an answer.
    """
    names = list(labels)
    if not 1 / len(names) < certainty < 1:
        raise ValueError(
            f"certainty must be between 1/{len(names)} and 1, both excluded, got {certainty}."
        )
    held = dataset.column_names
    if columns.TEXT not in held or not {label, probabilities} & {*held}:
        raise ValueError(
            f"The columns {columns.TEXT!r} and {label!r} or {probabilities!r} are needed, there "
            f"are {held}. Name them: label='...', probabilities='...'."
        )
    plain = dataset.with_format(None)
    numbers = _labels_of(plain, label, names)
    given = _probabilities_of(plain, probabilities, names)
    answered = [row for row in range(len(plain)) if (numbers[row], given[row]) != (None, None)]
    if not answered:
        raise ValueError(f"No row has an answer in {label!r} or {probabilities!r}.")
    logits = [_logits(numbers[row], given[row], len(names), certainty) for row in answered]
    kept = plain.select(answered)
    has_quotes = quotes in held
    spans, scores = [], []
    texts = texts_of(kept)
    for text, row, text_logits in zip(texts, kept, logits, strict=True):
        found: tuple[Sequence[Any], Any] = ([], [])
        if has_quotes:
            answers = read_row(text, row, quotes)
            found = score_words(text, answers, names[int(text_logits.argmax())])
        spans.append([list(span) for span in found[0]])
        scores.append(list(found[1]))
    added: dict[str, Any] = {
        columns.TEACHER_LOGITS: logits,
        columns.TEACHER_SPANS: spans,
        columns.TEACHER_ATTRIBUTIONS: scores,
        columns.EXPLAINED_LABEL: [int(one.argmax()) for one in logits],
        columns.COMPLETENESS_ERROR: [math.nan] * len(kept),
        columns.EVALUATIONS: [0] * len(kept),
        columns.TRUNCATED: [False] * len(kept),
    }
    result = kept.remove_columns([name for name in added if name in held])
    for name, feature in added_features(NoExplainer()).items():
        result = result.add_column(name, added[name], feature=feature)
    counted = count_quotes(texts, kept[quotes][:]) if has_quotes else None
    recorded = RecordedAnnotation(
        result,
        len(plain) - len(kept),
        sum(given[row] is not None for row in answered),
        counted,
    )
    for sentence in recorded.describe():
        logger.warning("%s", sentence)
    return recorded


def ask_for_labels(dataset: Dataset, asker: LabelAsker) -> Dataset:
    """Ask a language model for the label of every text, and keep what it said as columns.

    Args:
        dataset: Has the column `text`.
        asker: What is asked, and within which budget.

    Returns:
        The dataset with `teacher_label`, `teacher_probabilities` and, if quotes were asked for,
        `teacher_quotes`, for `annotate_recorded`.

    Raises:
        BudgetExceededError: The budget does not suffice; see `LabelAsker.plan`.
    """
    names = list(asker.prompt.labels)
    said = asker.ask(single_texts_of(dataset, "ask_for_labels"))
    unclear = sum(answer.unclear for answer in said)
    if unclear:
        logger.warning("%d answers name no label, or several.", unclear)
    added: dict[str, list[Any]] = {TEACHER_LABEL: [], TEACHER_PROBABILITIES: []}
    for answer in said:
        shares = np.exp(answer.logits - np.logaddexp.reduce(answer.logits))
        added[TEACHER_LABEL].append(names[int(shares.argmax())])
        added[TEACHER_PROBABILITIES].append(shares.tolist())
    if any(answer.quotes for answer in said):
        added[TEACHER_QUOTES] = [answer.quotes for answer in said]
    result = dataset.remove_columns([name for name in added if name in dataset.column_names])
    for name, values in added.items():
        result = result.add_column(name, values)
    return result


def _labels_of(dataset: Dataset, column: str, names: Sequence[str]) -> list[int | None]:
    """The number of every row's label; None where there is none."""
    if column not in dataset.column_names:
        return [None] * len(dataset)
    feature, values = dataset.features[column], dataset[column][:]
    if isinstance(feature, ClassLabel):
        order = match_labels(feature.names, names)
        place = {old: new for new, old in enumerate(order)}
        return [None if value is None or value < 0 else place[value] for value in values]
    by_name = {name.strip().casefold(): number for number, name in enumerate(names)}
    found, unknown = [], []
    for row, value in enumerate(values):
        number: int | None = None
        if isinstance(value, int) and 0 <= value < len(names):
            number = value
        elif isinstance(value, str) and value.strip():
            number = by_name.get(value.strip().casefold())
            if number is None:
                unknown.append(row)
        elif value not in (None, "", -1, columns.LABEL_UNKNOWN):
            unknown.append(row)
        found.append(number)
    if unknown:
        raise ValueError(
            f"The column {column!r} has labels that are none of {list(names)} in "
            f"{name_rows(unknown)}, the first is {values[unknown[0]]!r}. Correct them, or leave "
            "them empty where there is no answer."
        )
    return found


def _probabilities_of(
    dataset: Dataset, column: str, names: Sequence[str]
) -> list[list[float] | None]:
    if column not in dataset.column_names:
        return [None] * len(dataset)
    found: list[list[float] | None] = []
    for row, value in enumerate(dataset[column][:]):
        if isinstance(value, str) and value.strip():
            value = json.loads(value)
        if not value:
            found.append(None)
            continue
        listed: list[Any] = (
            [value.get(name) for name in names] if isinstance(value, dict) else list(value)
        )
        whole = all(isinstance(one, int | float) and 0 <= one <= 1 for one in listed)
        if not whole or len(listed) != len(names) or abs(sum(listed) - 1) > 0.02:
            raise ValueError(
                f"Row {row} of {column!r} holds {value!r}: a probability for each of "
                f"{list(names)} is needed, which add up to 1."
            )
        found.append(listed)
    return found


def _logits(
    number: int | None, given: list[float] | None, labels: int, certainty: float
) -> np.ndarray:
    if given is None:
        given = [(1 - certainty) / (labels - 1)] * labels
        given[number or 0] = certainty
    return np.log(np.maximum(given, _LEAST_PROBABILITY)).astype(np.float32)
