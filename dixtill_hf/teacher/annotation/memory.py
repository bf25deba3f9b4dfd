# SPDX-License-Identifier: Apache-2.0
"""Memory that was freed goes back to the system, so that long work needs no more than short."""

import ctypes
import sys


def release_freed_memory() -> None:
    """Let the C library give back what it keeps of freed blocks.

    Batches of texts of all lengths leave free blocks of all sizes behind; glibc keeps them, and
    would grow to about twice the memory that annotation needs. Other libraries have no such call.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
