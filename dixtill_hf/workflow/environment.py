# SPDX-License-Identifier: Apache-2.0
"""What a figure depends on next to its recipe: versions and hardware."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

PACKAGES = (
    "dixtill_hf",
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "accelerate",
    "captum",
    "evaluate",
    "scikit-learn",
    "numpy",
)
RUNTIMES = ("optimum", "optimum-onnx", "onnx", "onnxruntime", "optimum-intel", "openvino", "nncf")
"""Packages that only the compressed models of a benchmark depend on."""


def describe_environment() -> dict[str, Any]:
    """Versions, processor, memory, accelerator and date of this run, as JSON values."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": _processor(),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "memory_bytes": psutil.virtual_memory().total,
        "versions": versions_of((*PACKAGES, *RUNTIMES)),
        "date": datetime.now(timezone.utc).date().isoformat(),
    }


def versions_of(packages: Iterable[str]) -> dict[str, str | None]:
    """Installed version of each package; None if it is not installed."""
    return {name: _version(name) for name in packages}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a checkout that is not installed
        return None


def _processor() -> str:
    """The processor's name; Python itself knows only the architecture on Linux."""
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
