# SPDX-License-Identifier: Apache-2.0
"""What is searched, and within which limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dixtill_hf.data.names import check_name, refuse_twice
from dixtill_hf.export.row_codes import ENCODERS
from dixtill_hf.student.configuration_dixtill import CELLS
from dixtill_hf.workflow.recipe import StudentArguments, described

FLOAT = "float32"
"""What the trained student itself is called among the bits."""

BITS = (FLOAT, *ENCODERS)

EXPORTED_CELL = "lstm"
"""The cell that runs in integers."""

_LEAST = {"hidden_sizes": 1, "embedding_sizes": 1, "min_frequencies": 1}


@dataclass
class SearchedStudentArguments(StudentArguments):
    """The students' part of a recipe, with the defaults of a search."""

    methods: list[str] = described(
        ["dixtill"], "The method that all students are trained with: one of none, kl, mse, dixtill."
    )
    presets: list[str] = described(["default"], "The preset of the students: one.")
    seeds: int = described(
        1,
        "Students trained of every architecture, with the seeds 0, 1, 2, ...; the mean of their "
        "macro F1 counts.",
    )


@dataclass
class SearchSettings:
    """What is searched, and within which limits.

    Attributes are the fields that `dixtill-hf search` takes; the help of each is in its metadata.

    Raises:
        ValueError: A list is empty, holds something twice or what is not allowed, or a number is
            out of its range.
    """

    trials: int = described(
        20,
        "Architectures to train, those of earlier calls with this output_dir included; each is "
        "measured in all the bits.",
    )
    max_bytes: int | None = described(
        None,
        "Most bytes of a student: of its .dxt file, or with float32 of its weights, settings and "
        "vocabulary. Default: no limit.",
    )
    max_microseconds: float | None = described(
        None,
        "Most microseconds that a student takes for one text on one thread of this machine, the "
        "median over texts. Default: no limit.",
    )
    cells: list[str] | None = described(
        None,
        "What reads the words in each direction, to choose from: lstm, gru, minimal_gru, "
        "convolution. Only lstm runs in integers; students of the others are measured in float32. "
        "Default: all of them, or only lstm if bits has no float32.",
    )
    hidden_sizes: list[int] = described(
        [10, 20, 35, 50, 75, 100], "Units of the student in each direction to choose from."
    )
    embedding_sizes: list[int] = described(
        [10, 20, 35, 50], "Embedding dimensions to choose from; no more than the word vectors have."
    )
    min_frequencies: list[int] = described(
        [1, 2, 4, 8],
        "How often the training texts must have a word for the student to know it: the sizes of "
        "the vocabulary to choose from.",
    )
    bits: list[str] = described(
        list(BITS),
        "Forms of every student to measure: float32 (as trained), and 8, 4 or pq as dixtill-hf "
        "export rounds it. Those in integers need the extra 'device'.",
    )
    rounds: int = described(
        200, "Texts that every student is timed on, in turns with the default student."
    )
    search_seed: int = described(0, "Seed of the choices of the search.")

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, least in {"trials": 1, "rounds": 5, "search_seed": 0}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}.")
        for name in ("max_bytes", "max_microseconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above 0, got {value}: leave it out for no limit.")
        for name, least in _LEAST.items():
            values = _listed(name, getattr(self, name))
            if min(values) < least:
                raise ValueError(f"{name} must be at least {least} each, got {values}.")
        for bits in _listed("bits", self.bits):
            check_name("bits", bits, BITS)
        if self.cells is not None:
            for cell in _listed("cells", self.cells):
                check_name("cell", cell, CELLS)

    @property
    def chosen_cells(self) -> list[str]:
        """The cells to choose from."""
        if self.cells is not None:
            return self.cells
        return [cell for cell in CELLS if self.bits_of(cell)]

    def bits_of(self, cell: str) -> list[str]:
        """The bits that a student with this cell is measured in."""
        return [bits for bits in self.bits if cell == EXPORTED_CELL or bits == FLOAT]

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set: figure of a student → the most that is allowed."""
        given = {"bytes": self.max_bytes, "microseconds": self.max_microseconds}
        return {name: value for name, value in given.items() if value is not None}


def _listed(name: str, values: Sequence[Any]) -> Sequence[Any]:
    if not values:
        raise ValueError(f"{name} is empty: name at least one value.")
    refuse_twice([str(value) for value in values], f"{name} has")
    return values
