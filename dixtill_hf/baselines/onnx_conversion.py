# SPDX-License-Identifier: Apache-2.0
"""A teacher as an ONNX model, in float32 or in int8, through Optimum."""

import copy
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PreTrainedModel

from dixtill_hf.baselines.quantization import preset_of_this_cpu
from dixtill_hf.export.onnx_session import MODEL_FILE
from dixtill_hf.teacher.loading import Teacher


def calibration_dataset(teacher: Teacher, texts: Sequence[str], inputs: Iterable[str]) -> Dataset:
    """Tokenize texts, one a row and unpadded; texts without any token are left out.

    Args:
        teacher: Whose tokenizer and limit.
        texts: The texts.
        inputs: Names of the model's inputs, which become the columns.

    Raises:
        TypeError: `texts` is one string.
        ValueError: No text has a token.
    """
    if isinstance(texts, str):
        raise TypeError("calibration_texts must be many texts, got one string: wrap it in a list.")
    encoded = teacher.tokenizer(list(texts), truncation=True, max_length=teacher.max_length)
    rows = [row for row, ids in enumerate(encoded["input_ids"]) if ids]
    if not rows:
        raise ValueError(
            f"None of the {len(texts)} calibration texts has a token: give texts of the data."
        )
    return Dataset.from_dict({name: [encoded[name][row] for row in rows] for name in inputs})


TASK = "text-classification"


def exportable_copy(teacher: Teacher, exporter: str) -> PreTrainedModel:
    """A copy of the teacher's model, in float32 on the CPU, that Optimum can export.

    Args:
        teacher: The classifier; it is left as it is.
        exporter: Optimum's name of the format, `"onnx"` or `"openvino"`.

    Raises:
        ValueError: Optimum does not export text classifiers of this architecture.
    """
    # Which extra brings Optimum depends on the format; who exports to it has checked.
    from optimum.exporters.tasks import TasksManager

    model_type = teacher.model.config.model_type
    try:
        tasks = TasksManager.get_supported_tasks_for_model_type(
            model_type, exporter, library_name="transformers"
        )
    except KeyError:
        tasks = {}
    if TASK not in tasks:
        raise ValueError(
            f"The teacher {teacher.name!r} cannot be compressed in this way: Optimum has no "
            f"{exporter} export for text classifiers of the type {model_type!r}. Name a teacher "
            "of another architecture, such as BERT, DistilBERT or RoBERTa."
        )
    return copy.deepcopy(teacher.model).cpu().float()


try:
    import onnx
    from optimum.exporters.onnx import onnx_export_from_model
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import (
        AutoCalibrationConfig,
        AutoQuantizationConfig,
        QuantizationConfig,
    )
except ImportError as error:
    raise ImportError(
        "ONNX models are made by Optimum, which brings the release of transformers that it needs: "
        'pip install "dixtill_hf[onnx]"'
    ) from error

PACKAGES = ("optimum", "optimum-onnx", "onnx", "onnxruntime", "torch", "transformers")

# Where the weights are. Ranges of whatever else there is would take in the mask's huge negative
# numbers, which leaves nothing of the attention scores that they are added to.
_STATIC_OPERATORS = ["MatMul", "Gemm", "Gather"]


def convert(
    teacher: Teacher,
    scheme: str,
    directory: Path,
    calibration_texts: Sequence[str] | None = None,
    cpu_preset: str | None = None,
) -> dict[str, Any]:
    """Write `model.onnx` and `config.json`.

    Weights are quantised channel by channel, embeddings included.

    Args:
        teacher: The classifier; it is left as it is.
        scheme: `"float32"`, `"dynamic"` or `"static"`.
        directory: An existing directory.
        calibration_texts: The texts that `"static"` takes the ranges of the activations from,
            their smallest and largest values.
        cpu_preset: One of `CPU_PRESETS`. Defaults to that of this processor.

    Returns:
        The settings that were used.

    Raises:
        ValueError: Optimum does not export the teacher's architecture to ONNX, or cannot quantise
            it statically.
    """
    if scheme == "float32":
        _export(teacher, directory)
        return {}
    preset = cpu_preset or preset_of_this_cpu()
    static = scheme == "static"
    config = getattr(AutoQuantizationConfig, preset)(
        is_static=static,
        per_channel=True,
        operators_to_quantize=_STATIC_OPERATORS if static else None,
    )
    settings = {"preset": preset, "per_channel": True}
    settings["operators"] = sorted(config.operators_to_quantize)
    with tempfile.TemporaryDirectory() as scratch:
        path = _export(teacher, Path(scratch))
        quantizer = ORTQuantizer.from_pretrained(scratch, file_name=MODEL_FILE)
        ranges = None
        if static and calibration_texts is not None:
            texts = calibration_dataset(teacher, calibration_texts, _input_names(path))
            ranges = _activation_ranges(quantizer, config, texts)
            settings["calibration_texts"] = len(texts)
        try:
            quantizer.quantize(config, directory, file_suffix="", calibration_tensors_range=ranges)
        except NotImplementedError as error:
            raise ValueError(
                f"ONNX Runtime cannot quantise the teacher {teacher.name!r} statically: its type, "
                f"{teacher.model.config.model_type!r}, exports with branches in its graph. "
                "Quantise it dynamically."
            ) from error
    return settings


def _export(teacher: Teacher, directory: Path) -> Path:
    """Write the teacher in float32 and return the model's path."""
    model = exportable_copy(teacher, "onnx")
    with warnings.catch_warnings():
        # Optimum knows of each architecture that it exports which of its branches depend on data.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        onnx_export_from_model(model, directory, task=TASK, do_validation=False)
    return directory / MODEL_FILE


def _input_names(path: Path) -> list[str]:
    graph = onnx.load(path, load_external_data=False).graph
    return [node.name for node in graph.input]


def _activation_ranges(
    quantizer: ORTQuantizer, config: QuantizationConfig, texts: Dataset
) -> dict[str, Any]:
    """Smallest and largest value of every tensor that is to be quantised."""
    return quantizer.fit(
        texts,
        AutoCalibrationConfig.minmax(texts),
        # By default Optimum writes it into the working directory.
        onnx_augmented_model_name=quantizer.onnx_model_path.with_name("augmented.onnx"),
        operators_to_quantize=config.operators_to_quantize,
    )
