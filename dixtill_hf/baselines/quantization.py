# SPDX-License-Identifier: Apache-2.0
"""The baselines that keep the teacher's architecture: float32 and int8 in faster runtimes.

Loading what was saved here needs the runtime alone, neither torch nor transformers.
"""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dixtill_hf.data.names import check_name

if TYPE_CHECKING:
    from dixtill_hf.baselines.openvino_runtime import OpenVinoClassifier
    from dixtill_hf.export.onnx_session import OnnxClassifier
    from dixtill_hf.teacher.loading import Teacher

SETTINGS_FILE = "compression.json"
_FORMAT = 1
CPU_PRESETS = ("avx512_vnni", "avx2", "arm64")

_ARM = {"aarch64", "arm64"}
_X86 = {"x86_64", "amd64"}


@dataclass(frozen=True)
class Compression:
    """A way to compress a teacher.

    Attributes:
        label: How tables call the result. In float32 it is still the teacher, in another runtime.
        backend: The runtime, `"onnxruntime"` or `"openvino"`.
        scheme: `"float32"`, `"dynamic"` (int8 weights, activations quantised while the model
            runs) or `"static"` (int8 weights, activations in ranges measured beforehand).
    """

    label: str
    backend: str
    scheme: str


QUANTIZED = {
    "onnx": Compression("teacher", "onnxruntime", "float32"),
    "int8-dynamic": Compression("int8 dynamic", "onnxruntime", "dynamic"),
    "int8-static": Compression("int8 static", "onnxruntime", "static"),
    "openvino": Compression("teacher", "openvino", "float32"),
    "openvino-int8": Compression("int8 dynamic", "openvino", "dynamic"),
    "openvino-int8-static": Compression("int8 static", "openvino", "static"),
}

# What converts and what loads; both are imported when they are used.
_CONVERSIONS = {
    "onnxruntime": "baselines.onnx_conversion",
    "openvino": "baselines.openvino_conversion",
}
_CLASSIFIERS = {
    "onnxruntime": ("export.onnx_session", "OnnxClassifier"),
    "openvino": ("baselines.openvino_runtime", "OpenVinoClassifier"),
}


def compress_teacher(
    teacher: Teacher,
    method: str,
    output_dir: str | PathLike[str],
    calibration_texts: Sequence[str] | None = None,
    cpu_preset: str | None = None,
) -> Path:
    """Save a teacher for another runtime, in float32 or quantised to int8 after its training.

    The directory holds the model, its configuration and tokenizer, so that Optimum's
    `ORTModelForSequenceClassification` or `OVModelForSequenceClassification` loads it, and
    `compression.json`, which says how it was made. It appears when all of it is written.

    Args:
        teacher: The classifier; it is left as it is.
        method: A name in `QUANTIZED`.
        output_dir: A directory that does not exist yet or is empty.
        calibration_texts: Texts of the training data, a few hundred, that the static methods need.
            The others do not read them.
        cpu_preset: How ONNX Runtime's int8 is laid out, one of `CPU_PRESETS`. Defaults to what
            suits the processor that this runs on. Other methods do not read it.

    Returns:
        The directory.

    Raises:
        FileExistsError: The directory holds files.
        ImportError: The extra that the backend needs is not installed.
        ValueError: A name is unknown, texts to calibrate with are missing, or Optimum does not
            export the teacher's architecture.
    """
    check_name("method", method, QUANTIZED)
    if cpu_preset is not None:
        check_name("cpu_preset", cpu_preset, CPU_PRESETS)
    compression = QUANTIZED[method]
    if compression.scheme == "static" and not calibration_texts:
        raise ValueError(
            f"{method!r} measures the ranges of the activations: give a few hundred texts of the "
            "training data as calibration_texts."
        )
    output = _new_directory(output_dir)
    backend = _submodule(_CONVERSIONS[compression.backend])
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as scratch:
        written = Path(scratch) / output.name
        written.mkdir()
        settings = backend.convert(
            teacher, compression.scheme, written, calibration_texts, cpu_preset
        )
        teacher.tokenizer.save_pretrained(written)
        _write_settings(written, teacher, method, settings, backend.PACKAGES)
        written.replace(output)
    return output


def load_compressed(
    directory: str | PathLike[str], threads: int | None = None
) -> OnnxClassifier | OpenVinoClassifier:
    """Load what `compress_teacher` saved, for the CPU.

    Args:
        directory: The directory.
        threads: Threads that compute one batch. Defaults to the runtime's choice.

    Returns:
        A classifier that cuts texts where the teacher does and answers in the data's order.

    Raises:
        FileNotFoundError: The directory was not saved by `compress_teacher`.
        ImportError: The extra that the runtime needs is not installed.
        ValueError: It was saved by a newer release, or `threads` is below 1.
    """
    settings = read_settings(directory)
    compression = QUANTIZED[settings["method"]]
    module, name = _CLASSIFIERS[compression.backend]
    return getattr(_submodule(module), name)(
        directory,
        compression.label,
        settings["label_order"],
        settings["pad_token_id"],
        settings["max_length"],
        threads,
    )


def read_settings(directory: str | PathLike[str]) -> dict[str, Any]:
    """What `compression.json` says of a compressed teacher: how and from what it was made.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is of a newer format.
    """
    path = Path(directory) / SETTINGS_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{directory} holds no {SETTINGS_FILE}: give a directory written by compress_teacher."
        )
    settings = json.loads(path.read_text(encoding="utf-8"))
    if settings["format"] != _FORMAT:
        raise ValueError(
            f"{path} has the format {settings['format']}, this release reads {_FORMAT}: compress "
            "the teacher again, or install the release that wrote it."
        )
    return settings


def _new_directory(path: str | PathLike[str]) -> Path:
    """Make room for a directory that is to be moved to this path."""
    directory = Path(path)
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()
    if directory.exists():
        raise FileExistsError(f"{directory} is in use: remove it or name another directory.")
    directory.parent.mkdir(parents=True, exist_ok=True)
    return directory


def _write_settings(
    directory: Path,
    teacher: Teacher,
    method: str,
    settings: dict[str, Any],
    packages: Sequence[str],
) -> None:
    compression = QUANTIZED[method]
    content = {
        "format": _FORMAT,
        "method": method,
        "backend": compression.backend,
        "scheme": compression.scheme,
        "settings": settings,
        "teacher": teacher.name,
        "label_order": list(teacher.label_order),
        "max_length": teacher.max_length,
        "pad_token_id": teacher.tokenizer.pad_token_id,
        "versions": {package: version(package) for package in packages},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (directory / SETTINGS_FILE).write_text(text + "\n", encoding="utf-8")


def _submodule(name: str) -> Any:
    return import_module(f"dixtill_hf.{name}")


def preset_of_this_cpu() -> str:
    """The preset for the processor that this runs on.

    Where the system does not tell what an x86 processor can do (`/proc/cpuinfo` is Linux's), it
    is `"avx2"`, which every one of them computes correctly.

    Raises:
        ValueError: The processor is neither x86 nor ARM, both of 64 bits.
    """
    description = Path("/proc/cpuinfo")
    text = description.read_text(encoding="utf-8") if description.is_file() else ""
    return choose_preset(platform.machine(), text)


def choose_preset(machine: str, description: str) -> str:
    """The preset for a processor.

    Signed 8-bit weights, which ARM and the VNNI instructions multiply fast, can overflow on x86
    without VNNI; there weights are unsigned.

    Args:
        machine: Its architecture, as `platform.machine` has it.
        description: What the system says of it, its instruction sets among other words.

    Raises:
        ValueError: The architecture is neither x86 nor ARM, both of 64 bits.
    """
    if machine.lower() in _ARM:
        return "arm64"
    if machine.lower() in _X86:
        has_vnni = {"avx512_vnni", "avx_vnni"} & set(description.split())
        return "avx512_vnni" if has_vnni else "avx2"
    raise ValueError(
        f"No int8 preset is known for the processor architecture {machine!r}: name the nearest "
        f"with cpu_preset, one of {', '.join(CPU_PRESETS)}."
    )
