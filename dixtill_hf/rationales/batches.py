# SPDX-License-Identifier: Apache-2.0
"""Texts, answers and rationales as batches of a sequence-to-sequence model, one for each loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""Label of a token that no loss counts."""


@dataclass(frozen=True)
class RationaleExample:
    """One text with all that is learned from it.

    Attributes:
        text: The text.
        answer: Name of its label.
        rationale: Why it has it; "" if nobody said so.
        counterfactuals: Other labels, each with why the text could have it.
    """

    text: str
    answer: str
    rationale: str = ""
    counterfactuals: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Wording:
    """What is written around texts, rationales and answers.

    Attributes:
        predict_prefix: Before a text whose label is wanted.
        explain_prefix: Before a text whose rationale is wanted.
        answer_mark: Between a rationale and the answer that follows from it.
    """

    predict_prefix: str = "predict: "
    explain_prefix: str = "explain: "
    answer_mark: str = " So the answer is: "


class RationaleCollator:
    """Makes the batches of the losses from examples.

    A batch has the parts that were asked for: `predict` (text → answer), `explain` (text →
    rationale), `factual` and `counterfactual` (text → rationale and answer, where only the answer's
    tokens are labels). Each part is a mapping of `input_ids`, `attention_mask` and `labels`,
    `(rows, tokens)`; in the last two also `decoder_input_ids`, which hold the rationale.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        parts: Sequence[str],
        wording: Wording,
        start_token: int,
        max_source_length: int = 512,
        max_target_length: int = 256,
    ) -> None:
        self.tokenizer = tokenizer
        self.parts = parts
        self.wording = wording
        self.start_token = start_token
        self.max_source_length = max_source_length
        self.max_target_length = max_target_length

    def __call__(self, examples: Sequence[RationaleExample]) -> dict[str, dict[str, torch.Tensor]]:
        """The parts of a batch."""
        makers = {
            "predict": self._predict,
            "explain": self._explain,
            "factual": self._factual,
            "counterfactual": self._counterfactual,
        }
        made = {part: makers[part](examples) for part in self.parts}
        return {part: batch for part, batch in made.items() if batch is not None}

    def forced(
        self, texts: Sequence[str], rationales: Sequence[str], answers: Sequence[str]
    ) -> dict[str, torch.Tensor]:
        """Rationales that are forced in the decoder, each with an answer to be scored."""
        sources = [self.wording.predict_prefix + text for text in texts]
        targets = []
        for rationale, answer in zip(rationales, answers, strict=True):
            wanted = self._ids(answer, end=True)
            room = max(0, self.max_target_length - len(wanted))
            said = self._ids(rationale, end=False)
            mark = self._ids(self.wording.answer_mark, end=False)
            forced = [*said[: max(0, room - len(mark))], *mark]
            targets.append((forced, wanted))
        return self._batch(sources, targets)

    def _predict(self, examples: Sequence[RationaleExample]) -> dict[str, torch.Tensor]:
        sources = [self.wording.predict_prefix + one.text for one in examples]
        return self._batch(sources, [([], self._ids(one.answer, end=True)) for one in examples])

    def _explain(self, examples: Sequence[RationaleExample]) -> dict[str, torch.Tensor] | None:
        told = [one for one in examples if one.rationale]
        if not told:
            return None
        sources = [self.wording.explain_prefix + one.text for one in told]
        return self._batch(sources, [([], self._ids(one.rationale, end=True)) for one in told])

    def _factual(self, examples: Sequence[RationaleExample]) -> dict[str, torch.Tensor] | None:
        told = [one for one in examples if one.rationale]
        if not told:
            return None
        return self.forced(
            [one.text for one in told],
            [one.rationale for one in told],
            [one.answer for one in told],
        )

    def _counterfactual(
        self, examples: Sequence[RationaleExample]
    ) -> dict[str, torch.Tensor] | None:
        rows = [(one.text, why, wrong) for one in examples for wrong, why in one.counterfactuals]
        if not rows:
            return None
        texts, rationales, answers = zip(*rows, strict=True)
        return self.forced(texts, rationales, answers)

    def _ids(self, text: str, end: bool) -> list[int]:
        ids = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        ids = ids[: self.max_target_length - end]
        return [*ids, self.tokenizer.eos_token_id] if end else ids

    def _batch(
        self, sources: Sequence[str], targets: Sequence[tuple[list[int], list[int]]]
    ) -> dict[str, torch.Tensor]:
        """Sources with their targets, each of which is forced at first and learned then."""
        encoded = self.tokenizer(
            list(sources),
            padding=True,
            truncation=True,
            max_length=self.max_source_length,
            return_tensors="pt",
        )
        width = max(len(forced) + len(wanted) for forced, wanted in targets)
        labels = torch.full((len(targets), width), IGNORED)
        read = torch.full((len(targets), width), int(self.tokenizer.pad_token_id or 0))
        for row, (forced, wanted) in enumerate(targets):
            whole = [*forced, *wanted]
            labels[row, len(forced) : len(whole)] = torch.tensor(wanted)
            read[row, : len(whole)] = torch.tensor([self.start_token, *whole[:-1]])
        return {
            "input_ids": encoded["input_ids"],
            "attention_mask": encoded["attention_mask"],
            "decoder_input_ids": read,
            "labels": labels,
        }


def examples_of(rows: Sequence[Mapping[str, Any]]) -> list[RationaleExample]:
    """Examples of rows that `RationaleTrainer` has prepared."""
    return [
        RationaleExample(
            row["text"],
            row["answer"],
            row["rationale"],
            list(zip(row["wrong_answers"], row["wrong_rationales"], strict=True)),
        )
        for row in rows
    ]
