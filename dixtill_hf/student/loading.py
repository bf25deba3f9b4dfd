# SPDX-License-Identifier: Apache-2.0
"""Load a student and its tokenizer from a directory or the Hub, and say what is wrong if not."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerFast

from dixtill_hf.student.configuration_dixtill import DixtillConfig
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification


def load_student(
    name_or_path: str | Path,
) -> tuple[DixtillForSequenceClassification, PreTrainedTokenizerFast]:
    """Load a student, in evaluation mode, and its tokenizer.

    Args:
        name_or_path: Hub id or local directory.

    Raises:
        OSError: There is no such directory, and no such model on the Hub or no way to it.
        ValueError: The model is no student.
    """
    try:
        config = AutoConfig.from_pretrained(name_or_path)
    except OSError as error:
        raise OSError(
            f"There is no student in {str(name_or_path)!r}, nor can it be had from the Hub. Give "
            "the directory that dixtill-hf run (OUTPUT_DIR/student) or dixtill-hf train has "
            f"written. ({error})"
        ) from error
    if config.model_type != DixtillConfig.model_type:
        raise ValueError(
            f"{str(name_or_path)!r} holds a model of the type {config.model_type!r}, not a student."
        )
    model = DixtillForSequenceClassification.from_pretrained(name_or_path).eval()
    return model, AutoTokenizer.from_pretrained(name_or_path)
