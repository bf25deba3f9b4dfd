# SPDX-License-Identifier: Apache-2.0
"""Random numbers that depend on a seed and on the text alone, whatever else is explained."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def text_seed(seed: int, text: str) -> int:
    """A seed for one text, in [0, 2^63)."""
    encoded = f"{seed}\0{text}".encode("utf-8", errors="surrogatepass")
    return int.from_bytes(hashlib.sha256(encoded).digest()[:8], "little") >> 1


@contextmanager
def seeded_for(seed: int, text: str) -> Iterator[None]:
    """Within it, torch's random numbers on the CPU are the text's; afterwards as if never drawn."""
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed the accelerators too, whose states are not restored.
        torch.default_generator.manual_seed(text_seed(seed, text))
        yield
