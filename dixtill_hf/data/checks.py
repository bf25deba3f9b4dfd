# SPDX-License-Identifier: Apache-2.0
"""What must hold of a dataset before anything is computed from it."""

import logging
from collections import Counter
from collections.abc import Sequence

from datasets import DatasetDict, Value

from dixtill_hf.data.columns import LABEL, TEXT

logger = logging.getLogger(__name__)

ROWS_SHOWN = 10


def name_rows(rows: Sequence[int]) -> str:
    """The first rows by number, counted from 0, and how many more there are."""
    shown = ", ".join(str(row) for row in rows[:ROWS_SHOWN])
    more = f" and {len(rows) - ROWS_SHOWN} more" if len(rows) > ROWS_SHOWN else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {shown}{more} (counted from 0)"


def check_texts(data: DatasetDict) -> None:
    """Every split has texts, and none of them is missing, empty or blank.

    Raises:
        ValueError: If not; names the split and its rows.
    """
    for split, dataset in data.items():
        if len(dataset) == 0:
            raise ValueError(f"Split {split!r} has no rows.")
        feature = dataset.features[TEXT]
        if not isinstance(feature, Value) or feature.dtype not in ("string", "large_string"):
            raise ValueError(
                f"The text column of split {split!r} holds {feature}, not strings. Name another: "
                "text_column=..."
            )
        rows = [row for row, text in enumerate(dataset[TEXT]) if not (text and text.strip())]
        if rows:
            raise ValueError(
                f"Split {split!r} has {len(rows)} empty or missing texts: {name_rows(rows)}. "
                "Remove or fill them."
            )


def check_classes(data: DatasetDict) -> None:
    """Train has texts of at least two classes, and of every class that is named.

    Raises:
        ValueError: If not; names the classes.
    """
    names = data["train"].features[LABEL].names
    counts = Counter(data["train"][LABEL])
    present = [name for index, name in enumerate(names) if counts[index]]
    if len(present) < 2:
        raise ValueError(
            f"All texts of train have the label {present[0]!r}; a classifier needs texts of at "
            "least two labels."
        )
    absent = [repr(name) for name in names if name not in present]
    if absent:
        raise ValueError(
            f"No text of train has the label {', '.join(absent)}; there are "
            f"{', '.join(map(repr, present))}. Add such texts to train, or take the "
            "label out of the data."
        )


def warn_of_contradictions(data: DatasetDict) -> None:
    """Log a warning with the count of texts that occur in train with different labels."""
    labels_of: dict[str, set[int]] = {}
    for text, label in zip(data["train"][TEXT], data["train"][LABEL], strict=True):
        labels_of.setdefault(text, set()).add(label)
    count = sum(len(labels) > 1 for labels in labels_of.values())
    if count:
        logger.warning("%d texts occur in train several times, with different labels.", count)


def warn_of_duplicates(data: DatasetDict) -> None:
    """Log a warning with the count for every other split with texts that also occur in train."""
    train = set(data["train"][TEXT])
    for split, dataset in data.items():
        count = sum(text in train for text in dataset[TEXT])
        if split != "train" and count:
            logger.warning(
                "%d of the %d texts of split %r occur in train too, so its figures flatter the "
                "model. Remove them from one of the two.",
                count,
                len(dataset),
                split,
            )
