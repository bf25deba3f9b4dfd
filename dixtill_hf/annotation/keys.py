# SPDX-License-Identifier: Apache-2.0
"""What an annotation is kept under: a hash of the text and of all else that the explainer reads.

Keys are 16 bytes, so that even among a billion texts no two share one; arrays of them are `S16`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dixtill_hf.data.columns import TEXT

_BYTES = 16
KEY_TYPE = np.dtype(f"S{_BYTES}")


def as_keys(data: bytes) -> np.ndarray:
    """Keys from their bytes, one after the other."""
    return np.frombuffer(data, dtype=KEY_TYPE)


def row_keys(
    batch: Mapping[str, Sequence[Any]], reads: Sequence[str], rows: Sequence[int] | np.ndarray
) -> np.ndarray:
    """The keys of a batch of rows, `(rows,)`.

    Args:
        batch: Column → values; has the text and all that the explainer reads.
        reads: The columns that the explainer reads in addition to the text.
        rows: Row numbers of the batch in its dataset, for messages.

    Raises:
        ValueError: A text is missing or is none.
    """
    digests = []
    for index, text in enumerate(batch[TEXT]):
        if not isinstance(text, str):
            raise ValueError(
                f"Row {rows[index]} has no text: its column {TEXT!r} holds {text!r}. Leave such "
                f"rows out: dataset.filter(lambda row: isinstance(row[{TEXT!r}], str))."
            )
        digests.append(_key(text, {name: batch[name][index] for name in reads}))
    return as_keys(b"".join(digests))


def hash_keys(keys: np.ndarray) -> str:
    """Hash of keys in their order."""
    return hashlib.blake2b(keys.tobytes(), digest_size=_BYTES).hexdigest()


def first_of_each(keys: np.ndarray) -> np.ndarray:
    """Positions of the first occurrence of each key, ascending."""
    return np.sort(np.unique(keys, return_index=True)[1])


def _key(text: str, row: Mapping[str, Any]) -> bytes:
    encoded = text.encode("utf-8", errors="surrogatepass")
    digest = hashlib.blake2b(len(encoded).to_bytes(8, "little"), digest_size=_BYTES)
    digest.update(encoded)
    if row:
        digest.update(json.dumps(row, sort_keys=True, default=str).encode())
    return digest.digest()
