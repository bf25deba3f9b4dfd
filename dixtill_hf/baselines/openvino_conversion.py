# SPDX-License-Identifier: Apache-2.0
"""A teacher as an OpenVINO model, in float32 or in int8, through Optimum."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dixtill_hf.baselines.onnx_conversion import TASK, calibration_dataset, exportable_copy
from dixtill_hf.teacher.loading import Teacher

try:
    from optimum.exporters.openvino import export_from_model
    from optimum.intel import (
        OVConfig,
        OVModelForSequenceClassification,
        OVQuantizationConfig,
        OVQuantizer,
        OVWeightQuantizationConfig,
    )
except ImportError as error:
    raise ImportError(
        "OpenVINO models are made by Optimum Intel, which brings the release of transformers that "
        'it needs: pip install "dixtill_hf[openvino]"'
    ) from error

PACKAGES = ("optimum", "optimum-intel", "openvino", "nncf", "torch", "transformers")


def convert(
    teacher: Teacher,
    scheme: str,
    directory: Path,
    calibration_texts: Sequence[str] | None = None,
    cpu_preset: str | None = None,
) -> dict[str, Any]:
    """Write `openvino_model.xml`, `openvino_model.bin` and `config.json`.

    Weights are quantised channel by channel, embeddings included.

    Args:
        teacher: The classifier; it is left as it is.
        scheme: `"float32"`, `"dynamic"` (weights in int8, which the runtime multiplies with
            activations that it quantises) or `"static"`.
        directory: An existing directory.
        calibration_texts: The texts that `"static"` takes the ranges of the activations from.
        cpu_preset: Not used: OpenVINO fits a model to the processor when it loads it.

    Returns:
        The settings that were used.

    Raises:
        ValueError: Optimum does not export the teacher's architecture to OpenVINO.
    """
    if scheme == "float32":
        _export(teacher, directory)
        return {}
    with tempfile.TemporaryDirectory() as scratch:
        _export(teacher, Path(scratch))
        model = OVModelForSequenceClassification.from_pretrained(
            scratch, export=False, compile=False
        )
        settings: dict[str, Any] = {"per_channel": True}
        config, dataset = OVWeightQuantizationConfig(bits=8), None
        if scheme == "static" and calibration_texts is not None:
            dataset = calibration_dataset(teacher, calibration_texts, model.input_names)
            config = OVQuantizationConfig(bits=8, num_samples=len(dataset))
            settings["calibration_texts"] = len(dataset)
        OVQuantizer.from_pretrained(model).quantize(
            dataset, save_directory=directory, ov_config=OVConfig(quantization_config=config)
        )
    return settings


def _export(teacher: Teacher, directory: Path) -> None:
    """Write the teacher in float32."""
    export_from_model(exportable_copy(teacher, "openvino"), directory, task=TASK)
