# SPDX-License-Identifier: Apache-2.0
"""The settings that compare_settings.py reads from a file: how a student is built and trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from dixtill_hf.data.names import check_name
from research.alternative_architectures import ARCHITECTURES
from research.alternative_trainers import TRAINERS
from research.text_normalization import NORMALIZATIONS


@dataclass(frozen=True)
class Setting:
    """One row of the table.

    Attributes:
        name: What the row is called.
        group: Heading of its table; rows with the same heading are in one table.
        method: Name in `METHODS`.
        preset: Name in `PRESETS`.
        variants: How many variants of every text the teacher labels.
        explained_variants: How many of these are explained too.
        text_share: Share of the training texts that the student sees; drawn anew for every seed.
        unexplained_share: Share of the texts whose explanations are hidden from the student.
        shuffled_share: Share of the texts whose attributions are shuffled among their words.
        unfaithful_share: Share of the texts whose explanations are hidden from the student,
            beginning with those whose most important words change the teacher's output least.
        min_frequency: Words seen less often are unknown; the preset's if not given.
        extra_vocab_size: How many words of the word vectors are added to the vocabulary.
        replacement_words: How many words of the word vectors may replace words of the variants.
        word_vectors: Start of the embedding, as in a recipe; that of the recipe if not given.
        normalization: Name in `NORMALIZATIONS`: how texts are changed before a student reads them.
        character_ngrams: Whether words that are rarer than the preset's `min_frequency`, and
            unseen words of the scored texts, are read by their character n-grams.
        wordpieces: How many word pieces are added to the vocabulary; unknown words are cut into
            them.
        architecture: Name in `ARCHITECTURES`; the library's if not given.
        trainer: Name in `TRAINERS`; the library's if not given.
        training: Fields of `DistillationArguments`.
        student: Fields of `DixtillConfig`; without `ngram_buckets` words share no n-grams.
        seeds: How many seeds; the number of the command line if not given.
        compared_with: Name of the row that this one is compared with by the paired bootstrap.
    """

    name: str
    group: str = ""
    method: str = "dixtill"
    preset: str = "default"
    variants: int = 0
    explained_variants: int = 0
    unexplained_share: float = 0.0
    text_share: float = 1.0
    shuffled_share: float = 0.0
    unfaithful_share: float = 0.0
    min_frequency: int | None = None
    extra_vocab_size: int = 0
    replacement_words: int = 0
    word_vectors: str | None = None
    normalization: str | None = None
    character_ngrams: bool = False
    wordpieces: int = 0
    architecture: str | None = None
    trainer: str | None = None
    training: dict[str, Any] = field(default_factory=dict)
    student: dict[str, Any] = field(default_factory=dict)
    seeds: int | None = None
    compared_with: str | None = None

    def trained_as(self) -> dict[str, Any]:
        """All that its students depend on: what differs from the defaults, the name apart."""
        others = asdict(
            Setting(self.name, self.group, seeds=self.seeds, compared_with=self.compared_with)
        )
        return {name: value for name, value in asdict(self).items() if value != others[name]}


def read_settings(path: Path) -> list[Setting]:
    """The settings of a file, in their order.

    Raises:
        ValueError: A field, a normalization, an architecture or a trainer is unknown, or a row is
            compared with one that the file does not have.
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
            ("row to compare with", one.compared_with, names),
            ("normalization", one.normalization, NORMALIZATIONS),
            ("architecture", one.architecture, ARCHITECTURES),
            ("trainer", one.trainer, TRAINERS),
        ):
            if value is not None:
                check_name(f"{name} of {one.name!r}", value, among)
    return settings
