# SPDX-License-Identifier: Apache-2.0
"""Freed memory goes back to the system where the C library can be asked to."""

import ctypes
import sys

import psutil
import pytest

from dixtill_hf.annotation.worker import release_freed_memory

GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")


@pytest.mark.skipif(not GLIBC, reason="only glibc keeps what is freed, and can be asked for it")
def test_freed_blocks_go_back():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    # Small enough to stay in the heap, which the one block in a hundred that is kept holds up.
    blocks = [libc.malloc(64_000) for _ in range(2_000)]
    for block in blocks:
        ctypes.memset(ctypes.c_void_p(block), 1, 64_000)
    for number, block in enumerate(blocks):
        if number % 100:
            libc.free(block)
    before = psutil.Process().memory_info().rss
    release_freed_memory()
    assert psutil.Process().memory_info().rss < before - 50_000_000
    for block in blocks[::100]:
        libc.free(block)


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    release_freed_memory()
