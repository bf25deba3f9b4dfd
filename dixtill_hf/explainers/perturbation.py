# SPDX-License-Identifier: Apache-2.0
"""What the explainers that take words away share: Captum plans and sums, the teacher reads once.

Captum is run twice for a text. First it is answered with zeros, and the coalitions of words that it
asks for are noted; those of many texts are then evaluated together, each once; last it is run
again, with the same random numbers, and finds its answers in a table. What it asks for never
depends on the answers.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from dixtill_hf.data.words import word_spans
from dixtill_hf.explainers.base import Attribution, TargetedExplainer, check_count, seeded_for
from dixtill_hf.explainers.embeddings import replaced_embeddings, word_embedding
from dixtill_hf.explainers.token_budget import TokenBudget
from dixtill_hf.teacher.encoding import EncodedText, collate
from dixtill_hf.teacher.loading import Teacher


def words_of_tokens(text: str, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """The word that each token belongs to, numbered from 0 in the order of the text.

    Words that one token straddles count as one, and so do all that are linked in this way. A token
    of only white space or control characters goes with the token after it.

    Args:
        text: The text.
        spans: `[start, end)` characters of every token, in order.

    Returns:
        Integers `(tokens,)`; every number below their largest is some token's.
    """
    borders = word_spans(text)
    starts, ends = [start for start, _ in borders], [end for _, end in borders]
    touched = [(bisect_right(ends, start), bisect_left(starts, end)) for start, end in spans]
    begins = np.ones(len(borders), dtype=int)  # 0: linked with the word before it
    for first, beyond in touched:
        begins[first + 1 : beyond] = 0
    number = begins.cumsum()
    owners = [int(number[first]) if first < beyond else None for first, beyond in touched]
    return np.unique(_filled(owners), return_inverse=True)[1].reshape(-1)


def _filled(owners: Sequence[int | None]) -> list[int]:
    """Each missing owner is that of the next token, or of the last that has one."""
    known = [owner for owner in owners if owner is not None]
    following = known[-1] if known else 0
    filled = []
    for owner in reversed(owners):
        following = following if owner is None else owner
        filled.append(following)
    return filled[::-1]


class WordGame:
    """The coalitions of words that were asked for, and the teacher's logits for each of them.

    Attributes:
        text: The text.
        owners: Integers `(tokens,)`: the word that each ordinary token belongs to.
        words: Number of words.
        logits: `(coalitions, labels)`, in the order of `coalitions`; set by `play`.
    """

    def __init__(self, text: EncodedText) -> None:
        self.text = text
        self.owners = words_of_tokens(text.text, text.spans)
        self.words = int(self.owners.max(initial=-1)) + 1
        self.logits = torch.empty(0, 0)
        self._rows: dict[bytes, int] = {}

    def ask(self, coalitions: torch.Tensor) -> None:
        """Want the logits of coalitions, `(rows, words)`; each is evaluated once."""
        for key in self._keys(coalitions):
            self._rows.setdefault(key, len(self._rows))

    def look_up(self, coalitions: torch.Tensor) -> torch.Tensor:
        """Logits `(rows, labels)` of coalitions `(rows, words)` that were asked for and played."""
        return self.logits[[self._rows[key] for key in self._keys(coalitions)]]

    @property
    def coalitions(self) -> np.ndarray:
        """All that were asked for, `(coalitions, words)`, boolean."""
        packed = np.frombuffer(b"".join(self._rows), dtype=np.uint8).reshape(len(self._rows), -1)
        return np.unpackbits(packed, axis=1, count=self.words).astype(bool)

    def _keys(self, coalitions: torch.Tensor) -> list[bytes]:
        packed = np.packbits(coalitions.numpy() > 0.5, axis=1)
        return [row.tobytes() for row in packed]


def play(teacher: Teacher, games: Sequence[WordGame], budget: TokenBudget) -> None:
    """Evaluate the teacher on every coalition that the games were asked for.

    Raises:
        ValueError: The model does not read its words through its input embeddings.
    """
    batch = collate(teacher, [game.text for game in games])
    most = max(game.words for game in games)
    asked = [torch.from_numpy(game.coalitions) for game in games]
    # One column more than words, for the tokens that are always there.
    present = torch.ones(sum(map(len, asked)), most + 1, dtype=torch.bool)
    owners = torch.full(batch.ordinary.shape, most)
    ordinary = batch.ordinary.cpu()
    counts = [len(coalitions) for coalitions in asked]
    for row, (game, part) in enumerate(zip(games, present.split(counts), strict=True)):
        part[:, : game.words] = asked[row]
        owners[row][ordinary[row]] = torch.from_numpy(game.owners)
    texts = torch.arange(len(games)).repeat_interleave(torch.tensor(counts))
    lengths = [
        len(game.text) for game, count in zip(games, counts, strict=True) for _ in range(count)
    ]

    def evaluate(rows: list[int]) -> torch.Tensor:
        at, width = texts[rows], max(1, *(lengths[row] for row in rows))
        absent = ~present[rows].gather(1, owners[at, :width])
        inputs = {name: tensor[at, :width] for name, tensor in batch.inputs.items()}
        return _logits_without(teacher, inputs, absent.to(teacher.device)).cpu()

    found = torch.stack(budget.collect(lengths, evaluate))
    for game, logits in zip(games, found.split(counts), strict=True):
        game.logits = logits


def _logits_without(
    teacher: Teacher, inputs: dict[str, torch.Tensor], absent: torch.Tensor
) -> torch.Tensor:
    """Logits `(rows, labels)` with the tokens that are `absent`, `(rows, tokens)`, padded.

    Their embeddings are, not their ids: decoders find the last token by its id.
    """
    ids = inputs["input_ids"].masked_fill(absent, teacher.tokenizer.pad_token_id)
    with torch.inference_mode():
        embeddings = word_embedding(teacher.model)(ids)
        with replaced_embeddings(teacher, embeddings):
            return teacher.logits(inputs)


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
        seed: Seed of the draws; those for a text depend only on the seed and the text.
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
