# SPDX-License-Identifier: Apache-2.0
"""A text as a game of its words: what the teacher says when only some of them are there.

A word is absent when each of its tokens is embedded as the padding token. Special tokens and the
attention mask stay as they are, so the text without any word is the baseline of Integrated
Gradients, and all of these methods divide the same difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from dixtill_hf.teacher.encoding import EncodedText, collate
from dixtill_hf.teacher.explainers.budget import TokenBudget
from dixtill_hf.teacher.explainers.embeddings import replaced_embeddings
from dixtill_hf.teacher.explainers.words import words_of_tokens
from dixtill_hf.teacher.loading import Teacher


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
        embeddings = teacher.model.get_input_embeddings()(ids)
        with replaced_embeddings(teacher, embeddings):
            return teacher.logits(inputs)
