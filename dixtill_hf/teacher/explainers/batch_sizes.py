# SPDX-License-Identifier: Apache-2.0
"""The few sizes that batches have where a CPU computes in bfloat16.

oneDNN, which multiplies the matrices there, compiles kernels for every size of batch that it meets
and keeps up to 1,024 of them: several megabytes a size, so that memory would grow with the number
of texts. A little padding is cheaper.
"""

from __future__ import annotations

import torch

# Widths between one power of two and the next: padding adds 3 % on average, 12 % at most.
_WIDTHS_PER_DOUBLING = 8


def are_few(device: torch.device, precision: str, dtype: torch.dtype) -> bool:
    """Whether batches should have few sizes.

    Args:
        device: Where the teacher computes.
        precision: Of its gradients; see `computing_in`.
        dtype: Of its weights.
    """
    return device.type == "cpu" and (precision != "float32" or dtype != torch.float32)


def rounded_width(tokens: int, limit: int) -> int:
    """The least of the few widths that holds so many tokens.

    Args:
        tokens: At least one.
        limit: Tokens that the teacher can read, which no width exceeds.
    """
    step = max(1, 2 ** (tokens - 1).bit_length() // (2 * _WIDTHS_PER_DOUBLING))
    return min(-(-tokens // step) * step, max(tokens, limit))


def filled(rows: list[int], most: int) -> list[int]:
    """The rows of a batch, the last one repeated until they are half of the most, or all."""
    half = -(-most // 2)
    return rows + rows[-1:] * ((half if len(rows) <= half else most) - len(rows))
