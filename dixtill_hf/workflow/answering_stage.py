# SPDX-License-Identifier: Apache-2.0
"""Calibrate the student that a run publishes, and measure when it should not answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict

from dixtill_hf.data.columns import LABEL, TEACHER_LOGITS
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.evaluation.classification import softmax
from dixtill_hf.selective.calibrate import AGREEMENT, CONFIDENCE, calibrate, student_probabilities
from dixtill_hf.selective.measuring import measure_answers
from dixtill_hf.student.student import load_student


def calibrate_published(
    directory: Path, annotated: DatasetDict, chosen_among: int
) -> dict[str, Any]:
    """Calibrate a student on the validation texts, and measure its answers on the test texts.

    Args:
        directory: The student, which is written anew.
        annotated: The annotated splits.
        chosen_among: From how many students this one was chosen on the validation texts.

    Returns:
        JSON values: what `Calibration` and `measure_answers` hold, what was wanted, and
        `chosen_among`.
    """
    student = load_student(directory)
    found = calibrate(
        student.model, student.tokenizer, annotated["validation"], chosen_among=chosen_among
    )
    student.save(directory)
    test = annotated["test"]
    measured = measure_answers(
        student_probabilities(student.model, student.tokenizer, texts_of(test)),
        softmax(np.asarray(test[TEACHER_LOGITS])),
        test[LABEL][:],
        None if found.threshold is None else found.threshold.threshold,
    )
    return {
        **found.to_dict(),
        "agreement": AGREEMENT,
        "confidence": CONFIDENCE,
        "chosen_among": chosen_among,
        **measured,
    }
