# SPDX-License-Identifier: Apache-2.0
"""Classifiers that ONNX Runtime computes on the CPU, without torch and transformers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

if TYPE_CHECKING:
    import onnxruntime

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
        split_special_tokens: Whether special tokens in a text are read as plain text.

    Raises:
        ValueError: The model reads something that a tokenizer does not give.
    """

    def __init__(
        self,
        tokenizer_file: str | PathLike[str],
        inputs: Iterable[str],
        pad_token_id: int,
        max_length: int | None = None,
        split_special_tokens: bool = False,
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
        self._tokenizer.encode_special_tokens = split_special_tokens
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


MODEL_FILE = "model.onnx"


def open_session(
    path: str | PathLike[str], threads: int | None = None
) -> onnxruntime.InferenceSession:
    """Load an ONNX model for the CPU.

    Args:
        path: The model's file.
        threads: Threads that compute one batch. Defaults to one a physical core.

    Raises:
        ImportError: onnxruntime is not installed.
        ValueError: `threads` is below 1.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            'ONNX models need onnxruntime: pip install "dixtill_hf[onnx]".'
        ) from error
    options = onnxruntime.SessionOptions()
    if threads is not None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        options.intra_op_num_threads = threads
    # Threads that wait for the next batch would take the cores from whatever else runs here.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )


class OnnxClassifier:
    """A text classifier saved as ONNX; see `evaluation.classifiers.Classifier`.

    Args:
        directory: Where `model.onnx` and `tokenizer.json` are.
        name: How tables call it.
        label_order: Position of every label of the data among the model's logits.
        pad_token_id: What texts are padded with.
        max_length: Longest input in tokens; longer texts are cut.
        threads: Threads that compute one batch. Defaults to one a physical core.
    """

    runtime = "onnxruntime"

    def __init__(
        self,
        directory: str | PathLike[str],
        name: str,
        label_order: Sequence[int],
        pad_token_id: int,
        max_length: int,
        threads: int | None = None,
    ) -> None:
        self.name = name
        self._session = open_session(Path(directory) / MODEL_FILE, threads)
        self._label_order = list(label_order)
        self.tokenize = TextEncoder(
            Path(directory) / "tokenizer.json",
            [node.name for node in self._session.get_inputs()],
            pad_token_id,
            max_length,
        )

    def logits(self, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Logits `(texts, labels)` of what `tokenize` gave, in the order of the data's labels."""
        (logits,) = self._session.run(["logits"], inputs)
        return logits[:, self._label_order]
