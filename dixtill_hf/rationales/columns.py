# SPDX-License-Identifier: Apache-2.0
"""Columns of rationales, and the names that other projects give them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import ClassLabel, Dataset

from dixtill_hf.data.columns import LABEL, TEXT
from dixtill_hf.data.names import check_name
from dixtill_hf.data.text_pairs import refuse_pairs

TEACHER_RATIONALE = "teacher_rationale"
"""Why the text has its label, in a sentence or more (string)."""

RATIONALE_LABEL = "teacher_rationale_label"
"""The label that the rationale argues for, by name (string)."""

COUNTERFACTUAL_RATIONALES = "teacher_counterfactual_rationales"
"""One string for each choice: why the text could have it; empty for the label itself."""

CHOICES = "choices"
"""Names of the labels that a text can have, if they differ from text to text (as in questions)."""

# Names that mean each column, in the order in which they are looked for.
CONVENTIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # Distilling step-by-step (Hsieh et al. 2023).
    "step_by_step": {
        TEXT: ("input", "question"),
        TEACHER_RATIONALE: ("llm_rationale", "rationale"),
        RATIONALE_LABEL: ("llm_label", "label"),
    },
    # "Honey, I Shrunk the Language Model" (Hendriks et al. 2025).
    "hendriks": {
        TEXT: ("question",),
        TEACHER_RATIONALE: ("few_shot_revision", "few_shot_positive_rationale"),
        RATIONALE_LABEL: ("answer",),
        CHOICES: ("choices",),
    },
    "distilabel": {
        TEXT: ("instruction",),
        TEACHER_RATIONALE: ("generation",),
        RATIONALE_LABEL: ("labels", "label"),
    },
}
_COUNTERFACTUAL = re.compile(r"counterfactual_prompt_answer_(\d+)_rationale")


def rename_rationale_columns(dataset: Dataset, convention: str) -> Dataset:
    """Give columns of another project the names that this one uses.

    Args:
        dataset: With the columns of that project.
        convention: "step_by_step" (distilling step-by-step), "hendriks" (one column of
            counterfactual rationales for each choice becomes a list) or "distilabel".

    Returns:
        The dataset with the columns renamed; others are kept.

    Raises:
        ValueError: The convention is unknown, or the text or the rationale is missing.
    """
    check_name("convention of rationales", convention, CONVENTIONS)
    for wanted, names in CONVENTIONS[convention].items():
        found = [name for name in names if name in dataset.column_names]
        if found and wanted not in dataset.column_names:
            dataset = dataset.rename_column(found[0], wanted)
        elif wanted in (TEXT, TEACHER_RATIONALE) and wanted not in dataset.column_names:
            raise ValueError(
                f"There is no column {' or '.join(names)}, only {dataset.column_names}."
            )
    numbered = {int(m[1]): n for n in dataset.column_names if (m := _COUNTERFACTUAL.fullmatch(n))}
    if not numbered:
        return dataset
    names_of = [numbered[number] for number in sorted(numbered)]
    lists = [list(row) for row in zip(*(dataset[name] for name in names_of), strict=True)]
    return dataset.remove_columns(names_of).add_column(COUNTERFACTUAL_RATIONALES, lists)


def choices_of(dataset: Dataset) -> list[list[str]]:
    """The names of the labels that every text can have.

    Raises:
        ValueError: There is neither a column of choices nor a ClassLabel.
    """
    if CHOICES in dataset.column_names:
        return [list(row) for row in dataset[CHOICES]]
    feature = dataset.features.get(LABEL)
    if not isinstance(feature, ClassLabel):
        raise ValueError(
            f"The labels that a text can have are not known: give a column {CHOICES!r} with a "
            f"list for every text, or make {LABEL!r} a ClassLabel."
        )
    return [list(feature.names)] * len(dataset)


def answers_of(dataset: Dataset) -> list[str]:
    """The label that every rationale argues for, by name; the text's own if none is said.

    Raises:
        ValueError: Neither is there, or it is none of the text's choices.
    """
    if RATIONALE_LABEL in dataset.column_names:
        answers = [str(one) for one in dataset[RATIONALE_LABEL]]
    else:
        feature = dataset.features.get(LABEL)
        if not isinstance(feature, ClassLabel):
            raise ValueError(
                f"The column {RATIONALE_LABEL!r} is missing, and {LABEL!r} is no ClassLabel."
            )
        answers = [feature.int2str(one) for one in dataset[LABEL]]
    for row, (answer, choices) in enumerate(zip(answers, choices_of(dataset), strict=True)):
        if answer not in choices:
            raise ValueError(f"Row {row} has the answer {answer!r}, which is none of {choices}.")
    return answers


def check_columns(dataset: Dataset, needed: Sequence[str]) -> None:
    """Refuse a dataset that lacks a column, or whose texts are pairs.

    Raises:
        ValueError: Names the columns.
    """
    refuse_pairs(dataset.column_names, "What is done with rationales")
    missing: list[Any] = [name for name in needed if name not in dataset.column_names]
    if missing:
        raise ValueError(
            f"The columns {missing} are missing, there are {dataset.column_names}: make them with "
            "generate_rationales(...), or rename them with rename_rationale_columns(...)."
        )
