# SPDX-License-Identifier: Apache-2.0
"""Parts of the training texts, stratified by label and seeded: a held-out split, or folds."""

import random
from collections import defaultdict

import numpy as np
from datasets import Dataset

from dixtill_hf.data.columns import LABEL, TEXT


def hold_out(train: Dataset, fraction: float = 0.1, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Take a stratified share of the different training texts for validation.

    Each label gives its share of texts, rounded so that the shares add up to that of all: the
    labels with the largest remainders are rounded up, and the seed decides between equal ones. At
    least one text of each label stays in train, so a label with a single text is not in the
    held-out split. Unlabelled texts are a group of their own. All copies of a text go the same
    way, by the label of the first. Both splits keep the order of the texts.

    Args:
        train: The training split, with integer labels.
        fraction: The share held out, above 0 and below 1.
        seed: Seed of the choice.

    Returns:
        What stays in train, and what is held out.

    Raises:
        ValueError: If the fraction is out of range, or so small that it holds nothing out.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"The share held out must be above 0 and below 1, got {fraction}.")
    texts_by_label: dict[int, list[str]] = defaultdict(list)
    for text, label in _labels_of_texts(train).items():
        texts_by_label[label].append(text)
    sizes = _sizes({label: len(texts) for label, texts in texts_by_label.items()}, fraction, seed)
    generator = random.Random(seed)
    held_out: set[str] = set()
    for label in sorted(texts_by_label):
        held_out.update(generator.sample(texts_by_label[label], sizes[label]))
    if not held_out:
        raise ValueError(
            f"A share of {fraction} of {len(train)} training texts holds none out. Give a split of "
            "its own, more texts, or a larger share."
        )
    rows: tuple[list[int], list[int]] = ([], [])
    for row, text in enumerate(train[TEXT]):
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


def _labels_of_texts(train: Dataset) -> dict[str, int]:
    """The different texts in their order, each with the label of its first copy."""
    label_of: dict[str, int] = {}
    for text, label in zip(train[TEXT], train[LABEL], strict=True):
        label_of.setdefault(text, label)
    return label_of


def _sizes(counts: dict[int, int], fraction: float, seed: int) -> dict[int, int]:
    """How many texts of each label are held out, by largest remainders."""
    exact = {label: count * fraction for label, count in counts.items()}
    sizes = {label: int(share) for label, share in exact.items()}
    missing = round(sum(exact.values())) - sum(sizes.values())
    labels = sorted(counts)
    random.Random(seed).shuffle(labels)  # or a low label would win every tie
    labels.sort(key=lambda label: round(sizes[label] - exact[label], 9))  # stable
    for label in labels:
        if missing and sizes[label] + 1 < counts[label]:
            sizes[label] += 1
            missing -= 1
    return sizes


def assign_folds(train: Dataset, folds: int, seed: int = 0) -> list[int]:
    """Deal the training texts out into folds of the same size and the same shares of each label.

    A text that occurs several times goes to one fold with all its copies, so that whoever has not
    seen a fold has seen none of its texts.

    Args:
        train: With columns `text` and `label`; unlabelled texts are dealt out like a label.
        folds: How many, at least 2.
        seed: Seed of the choice.

    Returns:
        The fold of every text, from 0 to `folds - 1`.

    Raises:
        ValueError: There are fewer than 2 folds, or fewer different texts than folds.
    """
    label_of = _labels_of_texts(train)
    if not 2 <= folds <= len(label_of):
        raise ValueError(
            f"The number of folds must be from 2 to {len(label_of)}, the number of different "
            f"training texts, got {folds}."
        )
    texts = list(label_of)
    random.Random(seed).shuffle(texts)
    texts.sort(key=label_of.__getitem__)  # stable: shuffled within each label
    fold_of = {text: place % folds for place, text in enumerate(texts)}
    return [fold_of[text] for text in train[TEXT]]
