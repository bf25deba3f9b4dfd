# SPDX-License-Identifier: Apache-2.0
"""Parts of the training texts, stratified by label and seeded: a held-out split, or folds."""

import random
from collections import defaultdict
from typing import Any

import numpy as np
from datasets import Dataset

from dixtill_hf.data.columns import LABEL
from dixtill_hf.data.label_column import label_array, problem_type_of
from dixtill_hf.data.text_pairs import texts_of


def hold_out(train: Dataset, fraction: float = 0.1, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Take a stratified share of the different training texts for validation.

    Each group (a label; the rarest label of a text that has several; a tenth of the values of a
    regression) gives its share of texts, rounded so that the
    shares add up to that of all: the groups with the largest remainders are rounded up, and the
    seed decides between equal ones. At least one text of each group stays in train, so a group of
    a single text is not in the held-out split. Unlabelled texts are a group of their own. All
    copies of a text go the same way, by the group of the first. Both splits keep the order of the
    texts.

    Args:
        train: The training split, with labels as `load_text_classification` makes them.
        fraction: The share held out, above 0 and below 1.
        seed: Seed of the choice.

    Returns:
        What stays in train, and what is held out.

    Raises:
        ValueError: If the fraction is out of range, or so small that it holds nothing out.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"The share held out must be above 0 and below 1, got {fraction}.")
    texts_by_group: dict[Any, list[str]] = defaultdict(list)
    for text, group in _groups_of_texts(train).items():
        texts_by_group[group].append(text)
    sizes = _sizes({group: len(texts) for group, texts in texts_by_group.items()}, fraction, seed)
    generator = random.Random(seed)
    held_out: set[str] = set()
    for group in sorted(texts_by_group):
        held_out.update(generator.sample(texts_by_group[group], sizes[group]))
    if not held_out:
        raise ValueError(
            f"A share of {fraction} of {len(train)} training texts holds none out. Give a split of "
            "its own, more texts, or a larger share."
        )
    rows: tuple[list[int], list[int]] = ([], [])
    for row, text in enumerate(texts_of(train)):
        rows[text in held_out].append(row)
    return train.select(rows[0]), train.select(rows[1])


def seeded_sample(split: Dataset, most: int) -> Dataset:
    """A random sample of a split, the same each time: splits may be sorted by label.

    Args:
        split: The split.
        most: Rows that are drawn, at most.

    Returns:
        The rows in the order of the split.
    """
    rows = np.random.default_rng(0).permutation(len(split))[:most]
    return split.select(sorted(rows.tolist()))


def _groups_of_texts(train: Dataset) -> dict[str, Any]:
    """The different texts in their order, each with the group of its first copy."""
    problem = problem_type_of(train)
    if problem is None:
        groups: list[Any] = train[LABEL][:]
    else:
        names = problem.names(train.features[LABEL]) or []
        groups = problem.groups(label_array(train, problem, len(names)))
    group_of: dict[str, Any] = {}
    for text, group in zip(texts_of(train), groups, strict=True):
        group_of.setdefault(text, group)
    return group_of


def _sizes(counts: dict[Any, int], fraction: float, seed: int) -> dict[Any, int]:
    """How many texts of each group are held out, by largest remainders."""
    exact = {group: count * fraction for group, count in counts.items()}
    sizes = {group: int(share) for group, share in exact.items()}
    missing = round(sum(exact.values())) - sum(sizes.values())
    groups = sorted(counts)
    random.Random(seed).shuffle(groups)  # or a low label would win every tie
    groups.sort(key=lambda group: round(sizes[group] - exact[group], 9))  # stable
    for group in groups:
        if missing and sizes[group] + 1 < counts[group]:
            sizes[group] += 1
            missing -= 1
    return sizes


def assign_folds(train: Dataset, folds: int, seed: int = 0) -> list[int]:
    """Deal the training texts out into folds of the same size and the same shares of each group.

    A text that occurs several times goes to one fold with all its copies, so that whoever has not
    seen a fold has seen none of its texts.

    Args:
        train: With columns `text` and `label`; unlabelled texts are dealt out like a group.
        folds: How many, at least 2.
        seed: Seed of the choice.

    Returns:
        The fold of every text, from 0 to `folds - 1`.

    Raises:
        ValueError: There are fewer than 2 folds, or fewer different texts than folds.
    """
    group_of = _groups_of_texts(train)
    if not 2 <= folds <= len(group_of):
        raise ValueError(
            f"The number of folds must be from 2 to {len(group_of)}, the number of different "
            f"training texts, got {folds}."
        )
    texts = list(group_of)
    random.Random(seed).shuffle(texts)
    texts.sort(key=group_of.__getitem__)  # stable: shuffled within each group
    fold_of = {text: place % folds for place, text in enumerate(texts)}
    return [fold_of[text] for text in texts_of(train)]
