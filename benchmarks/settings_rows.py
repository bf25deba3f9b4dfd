# SPDX-License-Identifier: Apache-2.0
"""The rows that benchmarks/settings.py is asked for: what a student is made and taught with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from architectures import ARCHITECTURES
from readings import READINGS
from teachings import TEACHINGS

from dixtill_hf.data.names import check_name


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    Attributes:
        name: What the row is called.
        group: Rows of one group stand in one table.
        method: Name in `METHODS`.
        preset: Name in `PRESETS`.
        variants: Variants of every text that the teacher labels.
        explained: Of these, so many are explained too.
        unexplained: Share of the texts whose explanations the student does not see.
        share: Share of the training texts that the student sees; another draw for every seed.
        poisoned: Share of the texts whose attributions are shuffled among their words.
        unfaithful: Share of the texts whose explanations the student does not see: those whose
            most important words the teacher needs least.
        min_frequency: Words seen less often are unknown; the preset's if not given.
        further_words: Words of the word vectors that are known beside those of the texts.
        replacement_words: Of the word vectors, that may stand for words of the variants.
        word_vectors: Start of the embedding, as a recipe names it; that of the recipe if not given.
        reading: Name in `READINGS`, for texts that are changed before a student reads them.
        spelled: Whether words seen less often than the preset asks for, those of the scored texts
            too, are read by their characters, as the known ones are.
        pieces: So many pieces of words are known, which unknown words are cut into.
        architecture: Name in `ARCHITECTURES`, for a student of another shape than the library's.
        teaching: Name in `TEACHINGS`, for another trainer than the library's.
        training: Fields of `DistillationArguments`.
        student: Fields of `DixtillConfig`; without `ngram_buckets` words share no n-grams.
        seeds: How many; that of the command line if not given.
        against: Row that this one is compared with by the paired bootstrap.
    """

    name: str
    group: str = ""
    method: str = "dixtill"
    preset: str = "default"
    variants: int = 0
    explained: int = 0
    unexplained: float = 0.0
    share: float = 1.0
    poisoned: float = 0.0
    unfaithful: float = 0.0
    min_frequency: int | None = None
    further_words: int = 0
    replacement_words: int = 0
    word_vectors: str | None = None
    reading: str | None = None
    spelled: bool = False
    pieces: int = 0
    architecture: str | None = None
    teaching: str | None = None
    training: dict[str, Any] = field(default_factory=dict)
    student: dict[str, Any] = field(default_factory=dict)
    seeds: int | None = None
    against: str | None = None

    def trained_as(self) -> dict[str, Any]:
        """All that its students depend on: what differs from the defaults, the name apart."""
        others = asdict(Setting(self.name, self.group, seeds=self.seeds, against=self.against))
        return {name: value for name, value in asdict(self).items() if value != others[name]}


def read_settings(path: Path) -> list[Setting]:
    """The settings of a file, in their order.

    Raises:
        ValueError: A field, a reading, an architecture or a teaching is unknown, or a row stands
            against one that is not there.
    """
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {one.name for one in fields(Setting)}
    for row in rows:
        for name in row:
            check_name(f"field of the setting {row.get('name')!r}", name, known)
    settings = [Setting(**row) for row in rows]
    names = [one.name for one in settings]
    for one in settings:
        for name, value, among in (
            ("row to stand against", one.against, names),
            ("reading", one.reading, READINGS),
            ("architecture", one.architecture, ARCHITECTURES),
            ("teaching", one.teaching, TEACHINGS),
        ):
            if value is not None:
                check_name(f"{name} of {one.name!r}", value, among)
    return settings
