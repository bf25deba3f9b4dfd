# SPDX-License-Identifier: Apache-2.0
"""Which attention kernels a teacher may use on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

# All but cuDNN's, which builds a plan for each size of batch that it meets: a tenth of a second or
# more, while batches of texts have hundreds of sizes.
_WITHOUT_PLANS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


@contextmanager
def attention_of_any_size(device: torch.device) -> Iterator[None]:
    """Within it, a model on a GPU attends with kernels that serve batches of all sizes at once."""
    if device.type == "cuda":
        with sdpa_kernel(_WITHOUT_PLANS):
            yield
    else:
        yield
