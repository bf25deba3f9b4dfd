# SPDX-License-Identifier: Apache-2.0
"""The teacher in OpenVINO, in float32 or int8, through Optimum Intel.

The baselines "openvino", "openvino-int8" and "openvino-int8-static".
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dixtill_hf.baselines.base import register_baseline
from dixtill_hf.baselines.quantization import (
    LABELS,
    TASK,
    QuantizedTeacher,
    calibration_dataset,
    exportable_copy,
)
from dixtill_hf.export.onnx_session import TextEncoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dixtill_hf.teacher.loading import Teacher

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
        ImportError: The extra "openvino" is not installed.
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
        try:
            import openvino
        except ImportError as error:
            raise ImportError(
                'OpenVINO models need openvino: pip install "dixtill_hf[openvino]".'
            ) from error
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


class OpenVinoTeacher(QuantizedTeacher):
    """The teacher in OpenVINO. Weights are quantised channel by channel, embeddings too."""

    runtime = "openvino"
    extra = "openvino"
    modules = ("optimum.intel", "openvino", "nncf")
    packages = ("optimum", "optimum-intel", "openvino", "nncf", "torch", "transformers")

    def convert(
        self,
        teacher: Teacher,
        directory: Path,
        texts: Sequence[str] | None = None,
        cpu_preset: str | None = None,
    ) -> dict[str, Any]:
        """Write `openvino_model.xml`, `openvino_model.bin` and `config.json`.

        See `QuantizedTeacher.convert`. `cpu_preset` is not used: OpenVINO fits a model to the
        processor when it loads it.
        """
        if self.scheme == "float32":
            _export(teacher, directory)
            return {}
        return _quantize(teacher, directory, self.scheme, texts)


def _quantize(
    teacher: Teacher, directory: Path, scheme: str, texts: Sequence[str] | None
) -> dict[str, Any]:
    from optimum.intel import (
        OVConfig,
        OVModelForSequenceClassification,
        OVQuantizationConfig,
        OVQuantizer,
        OVWeightQuantizationConfig,
    )

    with tempfile.TemporaryDirectory() as scratch:
        _export(teacher, Path(scratch))
        model = OVModelForSequenceClassification.from_pretrained(
            scratch, export=False, compile=False
        )
        settings: dict[str, Any] = {"per_channel": True}
        config, dataset = OVWeightQuantizationConfig(bits=8), None
        if scheme == "static" and texts is not None:
            dataset = calibration_dataset(teacher, texts, model.input_names)
            config = OVQuantizationConfig(bits=8, num_samples=len(dataset))
            settings["calibration_texts"] = len(dataset)
        OVQuantizer.from_pretrained(model).quantize(
            dataset, save_directory=directory, ov_config=OVConfig(quantization_config=config)
        )
    return settings


def _export(teacher: Teacher, directory: Path) -> None:
    """Write the teacher in float32."""
    from optimum.exporters.openvino import export_from_model

    export_from_model(exportable_copy(teacher, "openvino"), directory, task=TASK)


for _name, _scheme in (
    ("openvino", "float32"),
    ("openvino-int8", "dynamic"),
    ("openvino-int8-static", "static"),
):
    register_baseline(OpenVinoTeacher(_name, LABELS[_scheme], _scheme))
