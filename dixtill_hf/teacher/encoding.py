# SPDX-License-Identifier: Apache-2.0
"""Texts as a teacher reads them: token ids, character spans, and batches of similar length."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch

from dixtill_hf.data.text_pairs import spans_in_text, tokenizer_inputs
from dixtill_hf.teacher.function import FunctionTeacher
from dixtill_hf.teacher.loading import Teacher


@dataclass(frozen=True)
class EncodedText:
    """One text or pair of texts, tokenized.

    Attributes:
        inputs: Model inputs, one list of the token count each (`input_ids`, `attention_mask`, ...).
        ordinary: For every token, whether it covers characters of the text. Special tokens do
            not: they are kept in the baseline and get no attribution.
        spans: Character start and end of every ordinary token, in order; in a pair, of the whole
            string that a `TextPair` is.
        truncated: Whether the text goes on beyond the teacher's limit.
        text: The text itself; a `TextPair` if it is a pair.
        row: The other columns of the dataset that the explainer reads.
    """

    inputs: dict[str, list[int]]
    ordinary: list[bool]
    spans: list[tuple[int, int]]
    truncated: bool
    text: str
    row: Mapping[str, Any]

    def __len__(self) -> int:
        """Number of tokens, special ones included."""
        return len(self.ordinary)


@dataclass(frozen=True)
class EncodedBatch:
    """Texts padded to one width.

    Attributes:
        inputs: Model inputs, `(texts, tokens)` each.
        ordinary: Boolean `(texts, tokens)`; False on special tokens and on padding.
    """

    inputs: dict[str, torch.Tensor]
    ordinary: torch.Tensor


def encode_texts(
    teacher: Teacher, texts: Sequence[str], rows: Sequence[Mapping[str, Any]] | None = None
) -> list[EncodedText]:
    """Tokenize texts for the teacher, cut at its limit, with the character span of every token.

    Both texts of a pair are one sequence, as the tokenizer makes it of two texts. If it is too long
    for the teacher, the longer text is cut first ("longest_first").

    Args:
        teacher: Whose tokenizer and limit.
        texts: The texts, or pairs.
        rows: For every text, the other columns that the explainer reads; None where it reads none.
    """
    rows = rows if rows is not None else [{}] * len(texts)
    if isinstance(teacher, FunctionTeacher):
        return [_words_of(teacher, text, row) for text, row in zip(texts, rows, strict=True)]
    tokenizer = teacher.tokenizer
    encoded = tokenizer(
        **tokenizer_inputs(texts),
        truncation=True,
        max_length=teacher.max_length,
        padding=False,
        return_attention_mask=True,
        return_special_tokens_mask=True,
    )
    names = [name for name in _inputs_of(teacher) if name in encoded]
    results = []
    for index, (text, row) in enumerate(zip(texts, rows, strict=True)):
        offsets = spans_in_text(text, encoded.encodings[index])
        special = encoded["special_tokens_mask"][index]
        results.append(
            EncodedText(
                inputs={name: encoded[name][index] for name in names},
                ordinary=[not flag for flag in special],
                spans=[o for o, flag in zip(offsets, special, strict=True) if not flag],
                truncated=bool(encoded.encodings[index].overflowing),
                text=text,
                row=row,
            )
        )
    return results


def _words_of(teacher: FunctionTeacher, text: str, row: Mapping[str, Any]) -> EncodedText:
    numbers, spans = teacher.read_words(text)
    inputs = {"input_ids": numbers, "attention_mask": [1] * len(numbers)}
    ordinary = [number != teacher.border for number in numbers]
    return EncodedText(inputs, ordinary, spans, False, text, row)


def _inputs_of(teacher: Teacher) -> list[str]:
    """What the tokenizer gives that the model takes; one made for another model may give more.

    The attention mask is one of them even if the tokenizer does not say so: without it, the texts
    of a batch would be read with their padding.
    """
    names = dict.fromkeys([*teacher.tokenizer.model_input_names, "attention_mask"])
    taken = inspect.signature(teacher.model.forward).parameters
    # A model that is wrapped in another one may not say what it takes.
    return [name for name in names if name in taken or "input_ids" not in taken]


def collate(teacher: Teacher, texts: Sequence[EncodedText], width: int = 1) -> EncodedBatch:
    """Pad encoded texts to the longest of them, on the teacher's device.

    Args:
        teacher: Whose tokenizer and device.
        texts: At least one.
        width: Least tokens to pad to; no model reads batches of no tokens.
    """
    lengths = np.array([len(text) for text in texts])
    width = max(width, int(lengths.max()))
    within = np.arange(width) < lengths[:, None]
    # token_type_ids, where a model has them, are padded with 0 as attention masks are.
    padding = {"input_ids": teacher.tokenizer.pad_token_id}

    def pad(rows: Iterable[list], value: int, dtype: type) -> torch.Tensor:
        padded: np.ndarray = np.full(within.shape, value, dtype)
        padded[within] = np.fromiter(chain.from_iterable(rows), dtype, lengths.sum())
        return torch.from_numpy(padded).to(teacher.device)

    return EncodedBatch(
        inputs={
            name: pad((text.inputs[name] for text in texts), padding.get(name, 0), np.int64)
            for name in texts[0].inputs
        },
        ordinary=pad((text.ordinary for text in texts), False, np.bool_),
    )


def batches_by_tokens(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Group texts of similar length so that no padded batch holds more than `tokens` tokens.

    Args:
        lengths: Tokens of every text.
        tokens: Budget of a batch, padding included; a longer text is a batch by itself.

    Yields:
        Positions of the texts of a batch, longest texts first (so that a run that does not fit
        into memory fails at once).
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    start = 0
    while start < len(order):
        size = max(1, tokens // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size
