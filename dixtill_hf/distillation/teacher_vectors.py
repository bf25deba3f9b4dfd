# SPDX-License-Identifier: Apache-2.0
"""Word vectors made from a teacher's own token embeddings.

They are for languages and fields that no file of word vectors covers: words that are close for the
teacher then start close in the student.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from dixtill_hf.artifacts.files import unfinished_file
from dixtill_hf.data.words import words_of
from dixtill_hf.student.word_vectors import DEFAULT_SIZE, principal_components
from dixtill_hf.teacher.loading import Teacher

# Standard deviation of all values: about that of the vectors that presets were tuned with.
_SPREAD = 0.5


def save_teacher_vectors(
    teacher: Teacher, texts: Iterable[str], path: str | Path, size: int = DEFAULT_SIZE
) -> Path:
    """Save word vectors made of the teacher's embedding, for `word_vectors` of students.

    A word's vector is the mean of the teacher's embeddings of its tokens, reduced to its principal
    components over the words.

    Args:
        teacher: The teacher whose embedding is used.
        texts: The texts whose words get a vector, normalised as students read them.
        path: The `.safetensors` file to write, the most frequent words first; an existing one is
            replaced.
        size: Dimensions of a vector. Default 50.

    Returns:
        The path of the file.

    Raises:
        ValueError: The path has another ending, or there are fewer words or dimensions than `size`.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"Word vectors are saved as a .safetensors file, got the path {path}.")
    words = [word for word, _ in Counter(w for text in texts for w in words_of(text)).most_common()]
    embedded = _embedded(teacher, words)
    if size < 1 or size > min(embedded.shape):
        raise ValueError(
            f"Vectors of {size} dimensions cannot be made of {len(words)} words with embeddings of "
            f"{embedded.shape[-1]}: size must be between 1 and the smaller of the two."
        )
    reduced = _spread(principal_components(embedded, size))
    with unfinished_file(path.parent) as temporary:
        save_file({"vectors": reduced}, temporary, metadata={"words": json.dumps(words)})
        return temporary.replace(path)


def _embedded(teacher: Teacher, words: Sequence[str]) -> np.ndarray:
    """The mean embedding of the tokens of each word, `(words, dims)`; 0 where it has none."""
    table = teacher.model.get_input_embeddings().weight.detach().float().cpu()
    if not words:
        return np.empty((0, table.shape[1]), np.float32)
    # Byte-level tokenizers know a word behind a space by other tokens than one at the very front.
    behind_a_space = [f" {word}" for word in words]
    tokens = teacher.tokenizer(behind_a_space, add_special_tokens=False)["input_ids"]
    flat = torch.tensor([token for one in tokens for token in one], dtype=torch.long)
    starts = torch.tensor([0, *(len(one) for one in tokens[:-1])]).cumsum(0)
    return torch.nn.functional.embedding_bag(flat, table, starts, mode="mean").numpy()


def _spread(vectors: np.ndarray) -> np.ndarray:
    """The vectors with all their values as far apart as those of published ones."""
    return vectors * np.float32(_SPREAD / (vectors.std() or 1.0))
