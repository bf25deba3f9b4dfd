# SPDX-License-Identifier: Apache-2.0
"""The teacher in ONNX Runtime, in float32 or int8, through Optimum.

The baselines "onnx", "int8-dynamic" and "int8-static".
"""

from __future__ import annotations

import platform
import tempfile
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dixtill_hf.artifacts.processor import processor_flags
from dixtill_hf.baselines.base import register_baseline
from dixtill_hf.baselines.quantization import (
    CPU_PRESETS,
    LABELS,
    TASK,
    QuantizedTeacher,
    calibration_dataset,
    exportable_copy,
)

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from dixtill_hf.teacher.loading import Teacher

# The operators whose weights become int8. Ranges of whatever else there is would take in the
# mask's huge negative numbers, which leaves nothing of the attention scores they are added to.
_STATIC_OPERATORS = ["MatMul", "Gemm", "Gather"]

_ARM = {"aarch64", "arm64"}
_X86 = {"x86_64", "amd64"}


class OnnxTeacher(QuantizedTeacher):
    """The teacher in ONNX Runtime. Weights are quantised channel by channel, embeddings too."""

    runtime = "onnxruntime"
    extra = "onnx"
    modules = ("onnx", "optimum.onnxruntime", "onnxruntime")
    packages = ("optimum", "optimum-onnx", "onnx", "onnxruntime", "torch", "transformers")

    def depends_on(self, teacher: Teacher, data: DatasetDict) -> list[Any]:
        """Teacher, calibration texts, versions and the kind of processor."""
        return [*super().depends_on(teacher, data), preset_of_this_cpu()]

    def convert(
        self,
        teacher: Teacher,
        directory: Path,
        texts: Sequence[str] | None = None,
        cpu_preset: str | None = None,
    ) -> dict[str, Any]:
        """Write `model.onnx` and `config.json`; see `QuantizedTeacher.convert`."""
        if self.scheme == "float32":
            _export(teacher, directory)
            return {}
        return _quantize(teacher, directory, self.scheme, texts, cpu_preset or preset_of_this_cpu())


def preset_of_this_cpu() -> str:
    """The preset for the processor that this runs on.

    If the system does not tell what an x86 processor can do (`/proc/cpuinfo` is Linux's), it is
    `"avx2"`, which every one of them computes correctly.

    Raises:
        ValueError: The processor is neither x86 nor ARM, both of 64 bits.
    """
    return choose_preset(platform.machine(), processor_flags())


def choose_preset(machine: str, flags: Collection[str]) -> str:
    """The preset for a processor.

    Signed 8-bit weights, which ARM and the VNNI instructions multiply fast, can overflow on x86
    without VNNI; there weights are unsigned.

    Args:
        machine: Its architecture, as `platform.machine` has it.
        flags: Its instruction sets, from `processor_flags`.

    Raises:
        ValueError: The architecture is neither x86 nor ARM, both of 64 bits.
    """
    if machine.lower() in _ARM:
        return "arm64"
    if machine.lower() in _X86:
        return "avx512_vnni" if {"avx512_vnni", "avx_vnni"} & set(flags) else "avx2"
    raise ValueError(
        f"No int8 preset is known for the processor architecture {machine!r}: name the nearest "
        f"with cpu_preset, one of {', '.join(CPU_PRESETS)}."
    )


def _quantize(
    teacher: Teacher,
    directory: Path,
    scheme: str,
    calibration_texts: Sequence[str] | None,
    preset: str,
) -> dict[str, Any]:
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    from dixtill_hf.export.onnx_session import MODEL_FILE

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
    import torch
    from optimum.exporters.onnx import onnx_export_from_model

    from dixtill_hf.export.onnx_session import MODEL_FILE

    model = exportable_copy(teacher, "onnx")
    with warnings.catch_warnings():
        # Optimum knows of each architecture that it exports which of its branches depend on data.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        onnx_export_from_model(model, directory, task=TASK, do_validation=False)
    return directory / MODEL_FILE


def _input_names(path: Path) -> list[str]:
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    return [node.name for node in graph.input]


def _activation_ranges(quantizer: Any, config: Any, texts: Dataset) -> dict[str, Any]:
    """Smallest and largest value of every tensor that is to be quantised."""
    from optimum.onnxruntime.configuration import AutoCalibrationConfig

    return quantizer.fit(
        texts,
        AutoCalibrationConfig.minmax(texts),
        # By default Optimum writes it into the working directory.
        onnx_augmented_model_name=quantizer.onnx_model_path.with_name("augmented.onnx"),
        operators_to_quantize=config.operators_to_quantize,
    )


for _name, _scheme in (
    ("onnx", "float32"),
    ("int8-dynamic", "dynamic"),
    ("int8-static", "static"),
):
    register_baseline(OnnxTeacher(_name, LABELS[_scheme], _scheme))
