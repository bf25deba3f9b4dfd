# SPDX-License-Identifier: Apache-2.0
"""The words of many texts as a student reads them: ids, characters, and which words are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from dixtill_hf.data.text_pairs import spans_in_text, tokenizer_inputs
from dixtill_hf.student.tokenization import check_texts_fit


@dataclass(frozen=True)
class StudentWords:
    """The words of many texts, one after the other.

    Special tokens, such as BERT's [CLS] and [SEP], count as words, but are not `ordinary`: they
    cover no characters, so they get no attribution.

    Attributes:
        ids: Ids, `(words,)`.
        offsets: `[start, end)` characters in the text or, for pairs, in the whole string of the
            `TextPair`, `(words, 2)`.
        ordinary: Which are no special tokens, `(words,)`.
        kept: Which the student reads: those that the limit cuts off are not, `(words,)`.
        types: The text of the pair that each is of, as the tokenizer says it, `(words,)`; None for
            single texts.
        per_text: Number of words of each text, `(texts,)`.
    """

    ids: NDArray[np.int64]
    offsets: NDArray[np.int64]
    ordinary: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    types: NDArray[np.int64] | None
    per_text: NDArray[np.int64]

    @classmethod
    def of(cls, texts: list[str], tokenizer: PreTrainedTokenizerFast, most: int) -> StudentWords:
        """Tokenize texts.

        Args:
            texts: The texts, or pairs of texts.
            tokenizer: The student's tokenizer.
            most: Most words of a text that are kept; of a pair, the tokenizer decides which.

        Raises:
            ValueError: The texts are pairs, and the tokenizer is one of single texts, or the
                reverse.
        """
        check_texts_fit(tokenizer, texts)
        inputs = tokenizer_inputs(texts)
        encoded = tokenizer(
            **inputs,
            return_special_tokens_mask=True,
            return_attention_mask=False,
            verbose=False,  # longer texts than the tokenizer's limit are cut afterwards
        )
        ids = encoded["input_ids"]
        special = np.fromiter(chain.from_iterable(encoded["special_tokens_mask"]), np.bool_)
        spans = map(spans_in_text, texts, encoded.encodings)
        offsets = chain.from_iterable(chain.from_iterable(spans))
        per_text = np.fromiter(map(len, ids), np.int64, len(ids))
        pairs = len(inputs) > 1
        types = chain.from_iterable(encoded["token_type_ids"]) if pairs else None
        return cls(
            ids=np.fromiter(chain.from_iterable(ids), np.int64),
            offsets=np.fromiter(offsets, np.int64).reshape(-1, 2),
            ordinary=~special,
            kept=_kept_of_pairs(inputs, tokenizer, encoded, most)
            if pairs
            else _places(per_text) < most,
            types=None if types is None else np.fromiter(types, np.int64),
            per_text=per_text,
        )

    @property
    def kept_per_text(self) -> NDArray[np.int64]:
        """How many words of every text are kept."""
        text = np.repeat(np.arange(len(self.per_text)), self.per_text)
        return np.bincount(text[self.kept], minlength=len(self.per_text))

    @property
    def ordinary_per_text(self) -> NDArray[np.int64]:
        """How many words of every text are no special tokens."""
        text = np.repeat(np.arange(len(self.per_text)), self.per_text)
        return np.bincount(text[self.ordinary], minlength=len(self.per_text))

    def take(self, rows: NDArray[np.integer]) -> StudentWords:
        """The words of some texts, which may occur several times."""
        starts = np.cumsum(self.per_text) - self.per_text
        per_text = self.per_text[rows]
        first = np.cumsum(per_text) - per_text
        places = np.arange(per_text.sum()) + np.repeat(starts[rows] - first, per_text)
        return StudentWords(
            self.ids[places],
            self.offsets[places],
            self.ordinary[places],
            self.kept[places],
            None if self.types is None else self.types[places],
            per_text,
        )

    def cut(self, values: NDArray[Any]) -> pa.Array:
        """Values of all words as one list per text, of the words that are kept."""
        return as_lists(values[self.kept], self.kept_per_text)


def _places(per_text: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each word in its text."""
    starts = np.cumsum(per_text) - per_text
    return np.arange(per_text.sum()) - np.repeat(starts, per_text)


def _kept_of_pairs(
    inputs: Mapping[str, list[str]], tokenizer: PreTrainedTokenizerFast, encoded: Any, most: int
) -> NDArray[np.bool_]:
    """Which words the tokenizer keeps if it cuts pairs to `most` words.

    It cuts the end of a text, so a text's first words are kept, as many as it has after the cut.
    """
    cut = tokenizer(**inputs, truncation=True, max_length=most)
    kept: list[bool] = []
    for whole, shortened in zip(encoded.encodings, cut.encodings, strict=True):
        left = Counter(shortened.sequence_ids)
        for sequence in whole.sequence_ids:
            kept.append(left[sequence] > 0)
            left[sequence] -= 1
    return np.array(kept, np.bool_)


def as_lists(values: NDArray[Any], lengths: NDArray[np.int64]) -> pa.Array:
    """Values as lists of these lengths, one after the other."""
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values))
