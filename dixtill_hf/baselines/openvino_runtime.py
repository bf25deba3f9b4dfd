# SPDX-License-Identifier: Apache-2.0
"""Classifiers that OpenVINO computes on the CPU, without torch and transformers."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dixtill_hf.export.onnx_session import TextEncoder

try:
    import openvino
except ImportError as error:
    raise ImportError(
        'OpenVINO models need openvino: pip install "dixtill_hf[openvino]"'
    ) from error

MODEL_FILE = "openvino_model.xml"

# By default the runtime would round float32 to bfloat16 where the CPU computes that faster.
_SETTINGS = {
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
    # Int8 weights meet activations that are quantised at run time, this many values to a scale.
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "32",
}


class OpenVinoClassifier:
    """A text classifier saved for OpenVINO; see `evaluation.classifiers.Classifier`.

    What is not int8 is computed in float32.

    Args:
        directory: Where `openvino_model.xml` and `tokenizer.json` are.
        name: How tables call it.
        label_order: Position of every label of the data among the model's logits.
        pad_token_id: What texts are padded with.
        max_length: Longest input in tokens; longer texts are cut.
        threads: Threads that compute one batch. Defaults to OpenVINO's choice.

    Raises:
        ValueError: `threads` is below 1.
    """

    runtime = "openvino"

    def __init__(
        self,
        directory: str | PathLike[str],
        name: str,
        label_order: Sequence[int],
        pad_token_id: int,
        max_length: int,
        threads: int | None = None,
    ) -> None:
        settings = dict(_SETTINGS)
        if threads is not None:
            if threads < 1:
                raise ValueError(f"threads must be at least 1, got {threads}")
            settings["INFERENCE_NUM_THREADS"] = str(threads)
        self.name = name
        self._model = openvino.Core().compile_model(
            str(Path(directory) / MODEL_FILE), "CPU", settings
        )
        self._label_order = list(label_order)
        self.tokenize = TextEncoder(
            Path(directory) / "tokenizer.json",
            [node.get_any_name() for node in self._model.inputs],
            pad_token_id,
            max_length,
        )

    def logits(self, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Logits `(texts, labels)` of what `tokenize` gave, in the order of the data's labels."""
        return self._model(inputs)["logits"][:, self._label_order]
