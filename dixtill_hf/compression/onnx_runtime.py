# SPDX-License-Identifier: Apache-2.0
"""Classifiers that ONNX Runtime computes on the CPU, without torch and transformers."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dixtill_hf.compression.text_encoding import TextEncoder

try:
    import onnxruntime
except ImportError as error:
    raise ImportError('ONNX models need onnxruntime: pip install "dixtill_hf[onnx]"') from error

MODEL_FILE = "model.onnx"


def open_session(
    path: str | PathLike[str], threads: int | None = None
) -> onnxruntime.InferenceSession:
    """Load an ONNX model for the CPU.

    Args:
        path: The model's file.
        threads: Threads that compute one batch. Defaults to one a physical core.

    Raises:
        ValueError: `threads` is below 1.
    """
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
