# SPDX-License-Identifier: Apache-2.0
"""What labels of every kind of task are checked for, and the order that they get."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dixtill_hf.data.checks import name_rows
from dixtill_hf.data.columns import GLUE_UNKNOWN, LABEL_UNKNOWN

INTEGER = re.compile(r"0|-?[1-9]\d*")


def is_missing(label: str | int | None) -> bool:
    """Whether a source means that a text has no label."""
    return label is None or label in ("", GLUE_UNKNOWN, LABEL_UNKNOWN)


def natural_order(label: str) -> tuple[list[str | int], str]:
    """A key that orders numbers by their values, and what is between them by its characters."""
    if INTEGER.fullmatch(label):
        return ["", int(label)], label
    parts: list[str | int] = list(re.split(r"(\d+)", label))
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts, label


def refuse_look_alikes(found: set[str]) -> None:
    """Refuse labels that were most likely meant to be one."""
    by_key: dict[str, list[str]] = {}
    for label in sorted(found):
        by_key.setdefault(label.strip().casefold(), []).append(label)
    alike = [", ".join(map(repr, labels)) for labels in by_key.values() if len(labels) > 1]
    if alike:
        raise ValueError(
            f"Some labels differ only in case or outer spaces: {'; '.join(alike)}. Write them "
            "alike, or name all labels if they are meant to differ: label_names=[...]."
        )


def refuse_missing(raw: Mapping[str, Sequence[Any]]) -> None:
    """Refuse texts without a label.

    Args:
        raw: The labels of every split; None if missing.

    Raises:
        ValueError: There are some; names their rows.
    """
    for split, labels in raw.items():
        rows = [row for row, label in enumerate(labels) if label is None]
        if rows:
            raise ValueError(
                f"Split {split!r} has {len(rows)} texts without a label (empty, null or "
                f"{GLUE_UNKNOWN}): {name_rows(rows)}. Label or remove them, let another split "
                "serve with splits={...}, or pass unlabelled=True to distil text without labels. "
                f"Where {GLUE_UNKNOWN} is a class of its own, write the classes as words."
            )


def unknown_label(split: str, rows: Sequence[int], first: str, known: Iterable[str]) -> ValueError:
    """The error about texts with a label that is not known; it has the nearest one."""
    known = list(known)
    nearest = difflib.get_close_matches(first, known, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return ValueError(
        f"Split {split!r} has {len(rows)} texts whose label is none of "
        f"{', '.join(map(repr, known))}: {name_rows(rows)}. The first is {first!r}.{hint} Correct "
        "them, or name all labels: label_names=[...]."
    )
