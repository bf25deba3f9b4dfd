# SPDX-License-Identifier: Apache-2.0
"""Sentence vectors of a corpus, computed once and read from disk: one file for each 8,192 texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from dixtill_hf.artifacts.files import unfinished_file
from dixtill_hf.artifacts.hashing import hash_json, hash_texts
from dixtill_hf.pretraining.sentence_encoder import SentenceEncoder

TEXTS_PER_SHARD = 8_192


class SentenceVectors:
    """The vectors of texts, memory-mapped: only the rows that are asked for are read.

    Attributes:
        paths: The shards, in the order of the texts.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open shards that `encode_corpus` has written."""
        self.paths = list(paths)
        self._shards = [np.load(path, mmap_mode="r", allow_pickle=False) for path in self.paths]

    @property
    def size(self) -> int:
        """Dimensions of a vector."""
        return int(self._shards[0].shape[1])

    def __len__(self) -> int:
        return sum(len(shard) for shard in self._shards)

    def __getitem__(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """The vectors of some texts, by their positions in the corpus, (rows, size)."""
        found = np.empty((len(rows), self.size), np.float32)
        for place, row in enumerate(rows):
            found[place] = self._shards[row // TEXTS_PER_SHARD][row % TEXTS_PER_SHARD]
        return found


def encode_corpus(
    texts: Sequence[str], encoder: SentenceEncoder, cache_dir: str | Path
) -> SentenceVectors:
    """Compute the vectors of a corpus, or take those that are there.

    A shard is named by its texts and the encoder, so that an interrupted call goes on where it
    stopped, and a larger corpus that begins with the same texts takes over what there is.

    Args:
        texts: The texts.
        encoder: The encoder.
        cache_dir: Directory of the shards: float16, 768 bytes for each text of a MiniLM.

    Raises:
        ValueError: There are no texts.
        OSError: The directory cannot be written to.
    """
    if not texts:
        raise ValueError("The corpus has no texts: give at least some thousands.")
    directory = Path(cache_dir)
    directory.mkdir(parents=True, exist_ok=True)
    paths = []
    with tqdm(total=len(texts), desc="Encoding", unit="text") as progress:
        for start in range(0, len(texts), TEXTS_PER_SHARD):
            shard = texts[start : start + TEXTS_PER_SHARD]
            name = hash_json([hash_texts(shard), encoder.fingerprint])
            paths.append(directory / f"{name}.npy")
            if not paths[-1].is_file():
                _write(paths[-1], encoder.encode(shard))
            progress.update(len(shard))
    return SentenceVectors(paths)


def _write(path: Path, vectors: NDArray[np.float16]) -> None:
    """Write a shard so that it is there whole or not at all."""
    with unfinished_file(path.parent) as temporary:
        with temporary.open("wb") as file:
            np.save(file, vectors, allow_pickle=False)
        temporary.replace(path)
