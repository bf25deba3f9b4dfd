# SPDX-License-Identifier: Apache-2.0
"""Content hashes: what an output depends on, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_BYTES_AT_ONCE = 1 << 20


def hash_json(value: Any) -> str:
    """Hash of any JSON value; equal values have equal hashes whatever the order of their keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def hash_texts(texts: Iterable[str]) -> str:
    """Hash of texts in their order; lengths are hashed too, so that borders count."""
    digest = hashlib.sha256()
    for text in texts:
        encoded = text.encode("utf-8", errors="surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()[:32]


def hash_file(path: Path) -> str:
    """SHA-256 of a file of any size, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BYTES_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()
