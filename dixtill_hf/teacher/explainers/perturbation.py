# SPDX-License-Identifier: Apache-2.0
"""What the explainers that take words away share: Captum plans and sums, the teacher reads once.

Captum is run twice for a text. First it is answered with zeros, and the coalitions of words that it
asks for are noted; those of many texts are then evaluated together, each once; last it is run
again, with the same random numbers, and finds its answers in a table. What it asks for never
depends on the answers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from dixtill_hf.teacher.encoding import EncodedText
from dixtill_hf.teacher.explainers.base import Attribution
from dixtill_hf.teacher.explainers.budget import TokenBudget
from dixtill_hf.teacher.explainers.checks import check_count
from dixtill_hf.teacher.explainers.coalitions import WordGame, play
from dixtill_hf.teacher.explainers.seeding import seeded_for
from dixtill_hf.teacher.explainers.targets import TargetedExplainer
from dixtill_hf.teacher.loading import Teacher

# From coalitions `(rows, words)`, 1 for a word that is there and 0 for one that is not, to the
# explained output `(rows,)`.
Value = Callable[[torch.Tensor], torch.Tensor]

# Coalitions that Captum makes at once: they are `(rows, words)`, so this bounds its memory.
AT_ONCE = 512
# Passes of the teacher that are planned together: enough for batches of texts of like length, few
# enough for the plans of long texts not to fill the memory.
_PASSES = 8


@dataclass(frozen=True)
class PerturbationExplainer(TargetedExplainer):
    """An explainer that compares what the teacher says with and without words of a text.

    Words, not tokens, are taken away; a word's score is shared equally among its tokens. Needs no
    gradients.

    Attributes:
        complete: Whether a text's scores promise to sum to F(text) − F(text without its words).
    """

    complete: ClassVar[bool] = False

    def explain(
        self, teacher: Teacher, texts: Sequence[EncodedText], budget: TokenBudget
    ) -> list[Attribution]:
        """Explain texts; see `Explainer.explain`.

        Raises:
            ValueError: The model does not read its words through its input embeddings.
        """
        results: dict[int, Attribution] = {}
        for rows in self._portions(texts, budget):
            games = [WordGame(texts[row]) for row in rows]
            for game in games:
                self._plan(game)
            play(teacher, games, budget)
            results.update(zip(rows, map(self._attribute, games), strict=True))
        return [results[row] for row in range(len(texts))]

    @abstractmethod
    def word_scores(self, value: Value, words: int) -> torch.Tensor:
        """Scores `(words,)` of the words, at least one, of the text that is explained."""

    def scores_for(self, text: str, value: Value, words: int) -> torch.Tensor:
        """Scores `(words,)` of the words, at least one, of that text."""
        return self.word_scores(value, words)

    def _portions(self, texts: Sequence[EncodedText], budget: TokenBudget) -> Iterator[list[int]]:
        """Positions of the texts that are planned together, longest first."""
        portion: list[int] = []
        tokens = 0.0
        for row in sorted(range(len(texts)), key=lambda row: (-len(texts[row]), row)):
            portion.append(row)
            tokens += len(texts[row]) * self.evaluations(len(texts[row].spans))
            if tokens >= _PASSES * budget.tokens:
                yield portion
                portion, tokens = [], 0.0
        if portion:
            yield portion

    def _plan(self, game: WordGame) -> None:
        game.ask(torch.ones(1, game.words))
        if self.complete:
            game.ask(torch.zeros(1, game.words))

        def note(coalitions: torch.Tensor) -> torch.Tensor:
            game.ask(coalitions)
            return torch.zeros(len(coalitions))

        if game.words:
            self.scores_for(game.text.text, note, game.words)

    def _attribute(self, game: WordGame) -> Attribution:
        logits = game.look_up(torch.ones(1, game.words))
        labels = self.labels(logits, [game.text])

        def value(coalitions: torch.Tensor) -> torch.Tensor:
            return self.chosen(game.look_up(coalitions), labels.expand(len(coalitions)))

        scores = self._all_scores(game, value, outputs=self.chosen(logits, labels).shape[1])
        error = float("nan")
        if self.complete:
            change = value(torch.ones(1, game.words)) - value(torch.zeros(1, game.words))
            error = float((scores.sum(-1) - change[0]).abs().max())
        tokens = np.bincount(game.owners, minlength=game.words)
        shared = scores.numpy()[:, game.owners] / tokens[game.owners]
        return self.attribution(
            game.text, logits[0], int(labels[0]), shared, error, len(game.logits)
        )

    def _all_scores(self, game: WordGame, value: Value, outputs: int) -> torch.Tensor:
        """Scores `(outputs, words)`, where `value` gives `(rows, outputs)`."""
        if not game.words:
            return torch.zeros(outputs, 0)

        def of_one(output: int) -> torch.Tensor:
            return self.scores_for(game.text.text, lambda rows: value(rows)[:, output], game.words)

        return torch.stack([of_one(output) for output in range(outputs)]).float()


@dataclass(frozen=True)
class SamplingExplainer(PerturbationExplainer):
    """A perturbation explainer that draws the coalitions it looks at.

    Attributes:
        seed: The draws for a text depend on it and on the text alone.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings before anything is computed."""
        super().__post_init__()
        check_count("seed", self.seed, least=0)

    def scores_for(self, text: str, value: Value, words: int) -> torch.Tensor:
        """Scores `(words,)` of the words, at least one, of that text."""
        with seeded_for(self.seed, text):
            return self.word_scores(value, words)


def subsets(words: int) -> int:
    """Number of coalitions of that many words, as far as it can matter: never above 2^30."""
    return 2 ** min(words, 30)
