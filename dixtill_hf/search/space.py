# SPDX-License-Identifier: Apache-2.0
"""The architectures that a search chooses from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from dixtill_hf.search.settings import EXPORTED_CELL, FLOAT, SearchSettings
from dixtill_hf.student.pretrained_start import load_student_start
from dixtill_hf.workflow.recipe import StudentArguments


@dataclass(frozen=True, order=True)
class Architecture:
    """What of a student is searched; its bits come on top, once it is trained.

    Attributes:
        cell: What reads the words in each direction.
        hidden_size: Units in each direction.
        embedding_size: Dimensions of a word vector.
        min_frequency: How often the training texts must have a word for it to be known.
    """

    cell: str
    hidden_size: int
    embedding_size: int
    min_frequency: int

    @property
    def name(self) -> str:
        """A name for files and tables, such as `lstm_units-50_dimensions-25_frequency-2`."""
        sizes = f"{self.cell}_units-{self.hidden_size}_dimensions-{self.embedding_size}"
        return f"{sizes}_frequency-{self.min_frequency}"

    def student(self, arguments: StudentArguments) -> StudentArguments:
        """The students' part of a recipe with this architecture."""
        fields = asdict(self)
        if arguments.student_start is not None:  # has sizes of its own
            fields = {"min_frequency": self.min_frequency}
        return replace(arguments, **fields)


@dataclass(frozen=True)
class SearchSpace:
    """The values to choose from, each in an order in which neighbours are alike.

    Attributes:
        values: Field of an `Architecture` → its values.
    """

    values: Mapping[str, tuple[Any, ...]]

    @classmethod
    def of(cls, settings: SearchSettings, arguments: StudentArguments) -> SearchSpace:
        """The space of a search.

        What the recipe fixes is not searched: a size that it gives, or that of its
        `student_start`.

        Args:
            settings: What is searched.
            arguments: The students' part of the recipe.

        Raises:
            ValueError: A cell runs in none of the bits.
        """
        fixed: dict[str, Any] = {
            "cell": arguments.cell,
            "hidden_size": arguments.hidden_size,
            "embedding_size": arguments.embedding_size,
            "min_frequency": arguments.min_frequency,
        }
        if arguments.student_start is not None:
            config = load_student_start(arguments.student_start).model.config
            fixed |= {
                "cell": config.cell,
                "hidden_size": config.hidden_size,
                "embedding_size": config.embedding_size,
            }
        searched: dict[str, Sequence[Any]] = {
            "cell": settings.chosen_cells,
            "hidden_size": sorted(settings.hidden_sizes),
            "embedding_size": sorted(settings.embedding_sizes),
            "min_frequency": sorted(settings.min_frequencies),
        }
        space = cls(
            {
                name: tuple(values) if fixed[name] is None else (fixed[name],)
                for name, values in searched.items()
            }
        )
        for cell in space.values["cell"]:
            if not settings.bits_of(cell):
                raise ValueError(
                    f"The cell {cell} runs in {FLOAT} only, and bits is "
                    f"{', '.join(settings.bits)}: add {FLOAT} to bits, or name the cell "
                    f"{EXPORTED_CELL}."
                )
        return space

    def architectures(self) -> list[Architecture]:
        """All of them."""
        return [
            Architecture(**dict(zip(self.values, chosen, strict=True)))
            for chosen in product(*self.values.values())
        ]

    def ranks(self, architecture: Architecture) -> dict[str, int]:
        """The place of each of its values among those to choose from."""
        return {
            name: values.index(getattr(architecture, name)) for name, values in self.values.items()
        }

    def at(self, ranks: Mapping[str, int]) -> Architecture:
        """The architecture at these places, the inverse of `ranks`."""
        return Architecture(**{name: values[ranks[name]] for name, values in self.values.items()})

    def smallest(self) -> list[Architecture]:
        """Of each cell the one with the fewest units, dimensions and words."""
        last = len(self.values["min_frequency"]) - 1
        sizes = {"hidden_size": 0, "embedding_size": 0, "min_frequency": last}
        return [self.at({"cell": place, **sizes}) for place in range(len(self.values["cell"]))]
