# SPDX-License-Identifier: Apache-2.0
"""Texts as arrays of token ids, for runtimes that need neither torch nor transformers."""

from collections.abc import Iterable, Sequence
from os import PathLike

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

# What a model calls its inputs, and what the tokenizers library calls them.
_ATTRIBUTES = {
    "input_ids": "ids",
    "attention_mask": "attention_mask",
    "token_type_ids": "type_ids",
}


class TextEncoder:
    """Tokenizes and pads texts as the saved tokenizer does in transformers.

    Args:
        tokenizer_file: The `tokenizer.json` of a fast tokenizer.
        inputs: Names of the arrays that the model reads.
        pad_token_id: What `input_ids` is padded with, on the right.
        max_length: Longest input in tokens, special tokens included; longer texts are cut.
            Defaults to no limit.

    Raises:
        ValueError: The model reads something that a tokenizer does not give.
    """

    def __init__(
        self,
        tokenizer_file: str | PathLike[str],
        inputs: Iterable[str],
        pad_token_id: int,
        max_length: int | None = None,
    ) -> None:
        self.inputs = tuple(inputs)
        unknown = [name for name in self.inputs if name not in _ATTRIBUTES]
        if unknown:
            raise ValueError(
                f"The model reads {', '.join(unknown)}, which no tokenizer gives; classifiers of "
                f"plain text read {', '.join(_ATTRIBUTES)}."
            )
        self.max_length = max_length
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self._pad_token = {
            "pad_id": pad_token_id,
            "pad_token": self._tokenizer.id_to_token(pad_token_id),
        }

    def __call__(
        self, texts: Sequence[str], pad_to: int | None = None
    ) -> dict[str, NDArray[np.int64]]:
        """The model's inputs of one batch, `(texts, tokens)` each, at least one token wide.

        Args:
            texts: The texts.
            pad_to: Tokens that every text is padded or cut to. Defaults to the longest text.

        Raises:
            ValueError: `pad_to` is below 1 or more than the model reads.
        """
        if pad_to is not None and not 1 <= pad_to <= (self.max_length or pad_to):
            most = "" if self.max_length is None else f" and at most {self.max_length} tokens"
            raise ValueError(f"pad_to must be at least 1{most}, got {pad_to}")
        limit = self.max_length if pad_to is None else pad_to
        if limit is None:
            self._tokenizer.no_truncation()
        else:
            self._tokenizer.enable_truncation(limit)
        self._tokenizer.enable_padding(length=pad_to, **self._pad_token)
        encodings = self._tokenizer.encode_batch(list(texts))
        if not any(len(encoding) for encoding in encodings) and pad_to is None:
            return self(texts, pad_to=1)  # no transformer reads batches of no tokens
        return {
            name: np.array(
                [getattr(encoding, _ATTRIBUTES[name]) for encoding in encodings], dtype=np.int64
            )
            for name in self.inputs
        }
