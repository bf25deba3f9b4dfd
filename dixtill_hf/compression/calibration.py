# SPDX-License-Identifier: Apache-2.0
"""The texts whose activations a static quantisation measures."""

from collections.abc import Iterable, Sequence

from datasets import Dataset

from dixtill_hf.teacher.loading import Teacher


def calibration_dataset(teacher: Teacher, texts: Sequence[str], inputs: Iterable[str]) -> Dataset:
    """Tokenize texts, one a row and unpadded; texts without any token are left out.

    Args:
        teacher: Whose tokenizer and limit.
        texts: The texts.
        inputs: Names of the model's inputs, which become the columns.

    Raises:
        TypeError: `texts` is one string.
        ValueError: No text has a token.
    """
    if isinstance(texts, str):
        raise TypeError("calibration_texts must be many texts, got one string: wrap it in a list.")
    encoded = teacher.tokenizer(list(texts), truncation=True, max_length=teacher.max_length)
    rows = [row for row, ids in enumerate(encoded["input_ids"]) if ids]
    if not rows:
        raise ValueError(
            f"None of the {len(texts)} calibration texts has a token: give texts of the data."
        )
    return Dataset.from_dict({name: [encoded[name][row] for row in rows] for name in inputs})
