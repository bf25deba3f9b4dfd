# SPDX-License-Identifier: Apache-2.0
"""Peak resident memory of a fresh process, such as one that loads a model and predicts."""

import subprocess
import sys
from collections.abc import Sequence

# A process starts with its parent's peak, which a parent holding models would make useless. This
# one holds nothing: about 10 MB, the least that can be measured.
_LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code != 0)
"""
# Linux counts in kibibytes, macOS in bytes.
_UNIT = 1 if sys.platform == "darwin" else 1024


def peak_memory(command: Sequence[str]) -> int:
    """Run a command and tell its peak resident memory, that of its largest process, in bytes.

    What the calling process holds does not count. Linux and macOS.

    Args:
        command: Program and arguments; what it prints is thrown away.

    Raises:
        RuntimeError: The command failed; the end of what it wrote to stderr is shown.
    """
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command], capture_output=True, text=True
    )
    if result.returncode != 0:
        raise RuntimeError(
            f"the command {list(command)!r} failed, so its memory is unknown:\n"
            f"{result.stderr[-2000:]}"
        )
    return int(result.stdout) * _UNIT


def measure_peak_memory(probe: str, *arguments: str) -> int:
    """Peak resident memory, in bytes, of a fresh Python process that runs some code.

    Args:
        probe: The code, as for `python -c`: what it imports and loads counts.
        arguments: Its `sys.argv[1:]`.

    Raises:
        RuntimeError: The code failed; the end of its traceback is shown.
    """
    return peak_memory([sys.executable, "-c", probe, *arguments])
