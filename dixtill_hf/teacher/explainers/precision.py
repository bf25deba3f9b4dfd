# SPDX-License-Identifier: Apache-2.0
"""In which precision gradients are computed, and with which attention kernel they are fastest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

PRECISIONS = ("auto", "bfloat16", "float32")
# Where bfloat16 is emulated it gains nothing, or loses.
_WORTHWHILE = 1.5
# PyTorch's fused CPU attention runs its backward pass one head at a time: on short texts, plain
# matrix products are several times faster in bfloat16.
_SHORT_TEXT = 128


def resolve_precision(precision: str, device: torch.device) -> str:
    """What `auto` means on a device: bfloat16 where it multiplies matrices much faster."""
    if precision != "auto":
        return precision
    slow, fast = (_seconds(device, dtype) for dtype in (torch.float32, torch.bfloat16))
    return "bfloat16" if slow > _WORTHWHILE * fast else "float32"


@contextmanager
def computing_in(precision: str, device: torch.device, width: int) -> Iterator[None]:
    """Within it, a model computes in this precision, on texts of `width` tokens.

    Weights stay as they are; PyTorch's autocast keeps normalisations and softmax in float32.
    """
    if precision == "float32":
        yield
        return
    with torch.autocast(device.type, dtype=torch.bfloat16):
        if device.type == "cpu" and width <= _SHORT_TEXT:
            with sdpa_kernel([SDPBackend.MATH]):
                yield
        else:
            yield


@cache  # where bfloat16 is emulated, it takes seconds
def _seconds(device: torch.device, dtype: torch.dtype, size: int = 768, times: int = 5) -> float:
    """Least time of a matrix product among a few, measured once in a process."""
    matrix = torch.ones(size, size, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        (matrix @ matrix).sum().item()
        best = min(best, time.perf_counter() - start)
    return best
