# SPDX-License-Identifier: Apache-2.0
"""Peak resident memory of a fresh process, such as one that loads a model and predicts."""

import subprocess
import sys
from collections.abc import Sequence

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
