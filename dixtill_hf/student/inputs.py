# SPDX-License-Identifier: Apache-2.0
"""What a student reads: single texts or pairs of texts, and what cannot be given to it."""

from collections.abc import Sequence

from dixtill_hf.data.text_pairs import are_pairs
from dixtill_hf.student.configuration_dixtill import DixtillConfig

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""What a student takes of what its tokenizer gives."""


def check_reads(config: DixtillConfig, texts: Sequence[str]) -> None:
    """Refuse pairs for a student of single texts, and single texts for a student of pairs.

    Raises:
        ValueError: They do not fit.
    """
    if not len(texts) or are_pairs(texts) == config.text_pairs:
        return
    if config.text_pairs:
        raise ValueError(
            'This student reads pairs of texts, and the texts are single: give {"text": ..., '
            '"text_pair": ...} or TextPair(text, text_pair).'
        )
    raise ValueError(
        "This student reads single texts, and the texts are pairs: give single texts, or distil a "
        "student from pairs."
    )


def refuse_student_of_pairs(config: DixtillConfig, what: str) -> None:
    """Refuse a student of pairs, before any work.

    Args:
        config: The student's configuration.
        what: What cannot take it, as the beginning of a sentence.

    Raises:
        ValueError: It reads pairs.
    """
    if config.text_pairs:
        raise ValueError(
            f"{what} is for students of single texts, and this student reads pairs of texts. It "
            "runs in PyTorch, with or without this package; docs/guides/pairs.md says how."
        )
