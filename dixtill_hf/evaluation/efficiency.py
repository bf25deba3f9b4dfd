# SPDX-License-Identifier: Apache-2.0
"""What a model takes: parameters, bytes on disk, peak memory of a process, and energy.

Energy is measured if the processor counts it and the user may read the counter.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from dixtill_hf.evaluation.classifiers import Classifier

# Of several forms of one thing, inference reads one: the first that is there.
_WEIGHTS = (
    ("*.safetensors", "*.safetensors.index.json"),
    ("*.onnx", "*.onnx_data"),
    ("openvino_model.xml", "openvino_model.bin"),
    ("pytorch_model*.bin", "pytorch_model.bin.index.json"),
)
_VOCABULARY = (("tokenizer.json",), ("vocab.txt", "vocab.json", "merges.txt", "*.model"))
_SETTINGS = (
    "config.json",
    "compression.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.py",
)
# A process begins with its parent's peak, so a parent that holds models would spoil the figure.
# This one holds nothing: about 10 MB, the least that can be measured.
_LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code != 0)
"""
# Linux counts in kibibytes, macOS in bytes.
_UNIT = 1 if sys.platform == "darwin" else 1024
# Where Linux shows the running average power limit (RAPL) counters of Intel and AMD processors.
POWERCAP = Path("/sys/class/powercap")


def parameter_count(model: nn.Module) -> int:
    """Number of a model's parameters, embeddings and frozen ones included, tied ones once."""
    return sum(parameter.numel() for parameter in model.parameters())


def directory_bytes(path: str | PathLike[str]) -> int:
    """Bytes on disk of what a saved model needs for inference.

    Weights, configuration, tokenizer and the model's own code, in the directory itself. Model
    cards, checkpoints, optimiser states and logs do not count. Where weights or the vocabulary
    lie there in several forms, one counts: safetensors before ONNX, OpenVINO and PyTorch;
    `tokenizer.json` before the files of a slow tokenizer.

    Args:
        path: Directory written by `save_pretrained` or fetched from the Hub.

    Returns:
        The sum of the sizes of these files, in bytes.

    Raises:
        NotADirectoryError: There is no such directory.
        ValueError: It holds no weights.
    """
    directory = Path(path)
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is not a directory: give that of a saved model.")
    weights = _first_form(directory, _WEIGHTS)
    if not weights:
        found = ", ".join(sorted(file.name for file in directory.iterdir())) or "nothing"
        raise ValueError(
            f"{directory} holds no weights (safetensors, ONNX, OpenVINO or PyTorch), only "
            f"{found}: give the directory of a saved model."
        )
    files = weights | _first_form(directory, _VOCABULARY) | _matching(directory, _SETTINGS)
    return sum(file.stat().st_size for file in files)


def _first_form(directory: Path, forms: tuple[tuple[str, ...], ...]) -> set[Path]:
    return next((files for form in forms if (files := _matching(directory, form))), set())


def _matching(directory: Path, patterns: tuple[str, ...]) -> set[Path]:
    return {file for pattern in patterns for file in directory.glob(pattern) if file.is_file()}


def can_measure_memory() -> bool:
    """Whether the operating system counts the peak memory of processes: Linux and macOS do."""
    return sys.platform != "win32"


def peak_memory(command: Sequence[str]) -> int:
    """Run a command and return the peak resident memory of its largest process, in bytes.

    The memory of the calling process does not count.

    Args:
        command: Program and arguments; its output is thrown away.

    Raises:
        OSError: On Windows, see `can_measure_memory`.
        RuntimeError: The command failed; the end of what it wrote to stderr is shown.
    """
    if not can_measure_memory():
        raise OSError(
            "Peak memory is measured on Linux and macOS only, not on Windows: measure there, or "
            "leave memory out."
        )
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command], capture_output=True, text=True
    )
    if result.returncode != 0:
        raise RuntimeError(
            f"The command {list(command)!r} failed, so its memory is unknown:\n"
            f"{result.stderr[-2000:]}"
        )
    return int(result.stdout) * _UNIT


def measure_peak_memory(probe: str, *arguments: str) -> int:
    """Peak resident memory, in bytes, of a fresh Python process that runs some code.

    Args:
        probe: The code, as for `python -c`. Everything that it imports and loads counts.
        arguments: The `sys.argv[1:]` of the code.

    Raises:
        OSError: On Windows, see `can_measure_memory`.
        RuntimeError: The code failed; the end of its traceback is shown.
    """
    return peak_memory([sys.executable, "-c", probe, *arguments])


@dataclass(frozen=True)
class EnergyMeter:
    """The energy counters of the processor's packages.

    Attributes:
        packages: Directories with `energy_uj`, the microjoules since some start, and
            `max_energy_range_uj`, where the counter begins anew.
    """

    packages: tuple[Path, ...]

    def read(self) -> list[int]:
        """The microjoules on every counter."""
        return [_number(package / "energy_uj") for package in self.packages]

    def joules_since(self, before: Sequence[int]) -> float:
        """Joules of all packages since an earlier reading; a counter may have begun anew once."""
        total = 0
        for package, start, now in zip(self.packages, before, self.read(), strict=True):
            begun_anew = _number(package / "max_energy_range_uj") if now < start else 0
            total += now - start + begun_anew
        return total / 1e6


def find_energy_meter(root: Path = POWERCAP) -> EnergyMeter | None:
    """The meter of this machine; None where there is none that this user may read.

    Virtual machines rarely have one, and most systems let only their administrator read it.
    """
    packages = []
    for package in sorted(root.glob("*-rapl:*")):
        try:
            is_package = (package / "name").read_text(encoding="ascii").startswith("package")
            if is_package:
                _number(package / "energy_uj")
                packages.append(package)
        except OSError:  # hidden from this user
            continue
    return EnergyMeter(tuple(packages)) if packages else None


def measure_energy(
    classifiers: Sequence[Classifier],
    texts: Sequence[str],
    meter: EnergyMeter,
    seconds: float = 2.0,
) -> list[dict[str, Any]]:
    """Energy of the whole processor while each classifier does nothing but read the same batch.

    What else runs on the machine counts too, and so does what an idle processor takes.

    Args:
        classifiers: What to measure, one after the other.
        texts: The batch.
        meter: From `find_energy_meter`.
        seconds: Least time for each, after one batch that does not count.

    Returns:
        For each classifier `model`, `runtime`, `joules_per_text`, `watts` and `batches`.
    """
    rows = []
    for classifier in classifiers:
        classifier.logits(classifier.tokenize(texts))
        before, start, batches = meter.read(), time.perf_counter(), 0
        while time.perf_counter() - start < seconds or batches == 0:
            classifier.logits(classifier.tokenize(texts))
            batches += 1
        joules, spent = meter.joules_since(before), time.perf_counter() - start
        rows.append(
            {
                "model": classifier.name,
                "runtime": classifier.runtime,
                "joules_per_text": joules / (batches * len(texts)),
                "watts": joules / spent,
                "batches": batches,
            }
        )
    return rows


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))
