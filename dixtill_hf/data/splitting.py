# SPDX-License-Identifier: Apache-2.0
"""Parts of the training texts, stratified by label and seeded: a held-out split, or folds."""

import random
from collections import defaultdict

from datasets import Dataset

from dixtill_hf.data.columns import LABEL, TEXT


def hold_out(train: Dataset, fraction: float = 0.1, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Take a stratified share of the training texts for validation.

    Each label gives its share of texts, rounded so that the shares add up to
    ``fraction * len(train)``: the labels with the largest remainders are rounded up (ties go to
    the lower label). At least one text of each label stays in train, so a label with a single
    text is not in the held-out split. Unlabelled texts are a group of their own. Both splits keep
    the order of the texts.

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
        raise ValueError(f"validation_fraction must be above 0 and below 1, got {fraction}.")
    rows_by_label: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(train[LABEL]):
        rows_by_label[label].append(row)
    sizes = _sizes({label: len(rows) for label, rows in rows_by_label.items()}, fraction)
    generator = random.Random(seed)
    held_out = set()
    for label in sorted(rows_by_label):
        held_out.update(generator.sample(rows_by_label[label], sizes[label]))
    if not held_out:
        raise ValueError(
            f"validation_fraction {fraction} of {len(train)} training texts holds none out. Give a "
            "validation split, more texts, or a larger fraction."
        )
    stays = [row for row in range(len(train)) if row not in held_out]
    return train.select(stays), train.select(sorted(held_out))


def _sizes(counts: dict[int, int], fraction: float) -> dict[int, int]:
    """How many texts of each label are held out, by largest remainders."""
    exact = {label: count * fraction for label, count in counts.items()}
    sizes = {label: int(share) for label, share in exact.items()}
    missing = round(sum(exact.values())) - sum(sizes.values())
    by_remainder = sorted(counts, key=lambda label: (sizes[label] - exact[label], label))
    for label in by_remainder:
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
    label_of: dict[str, int] = {}
    for text, label in zip(train[TEXT], train[LABEL], strict=True):
        label_of.setdefault(text, label)
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
