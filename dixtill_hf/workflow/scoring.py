# SPDX-License-Identifier: Apache-2.0
"""What a classifier in any runtime is worth on the test split."""

from __future__ import annotations

from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedModel

from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN, TEACHER_LOGITS, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.evaluation.classification import calibration_error, f1_per_label
from dixtill_hf.evaluation.classifiers import Classifier, PyTorchClassifier, predict_probabilities
from dixtill_hf.teacher.loading import Teacher
from dixtill_hf.workflow.predictions import quality


def score(classifier: Classifier, test: Dataset) -> dict[str, Any]:
    """Quality, calibration and agreement with the teacher's predictions."""
    return measures(predict_probabilities(classifier, test[TEXT][:]), test)


def measures(probabilities: NDArray[np.float64], test: Dataset) -> dict[str, Any]:
    """The same from probabilities `(texts, labels)` of an annotated split."""
    labels = np.asarray(test[LABEL])
    teacher = np.asarray(test[TEACHER_LOGITS]).argmax(-1)
    return {
        **quality(probabilities, labels),
        **calibration(probabilities, test),
        "teacher_agreement": float((probabilities.argmax(-1) == teacher).mean()),
    }


def calibration(probabilities: NDArray[np.floating], test: Dataset) -> dict[str, Any]:
    """Expected calibration error and F1 of every label, over the labelled texts."""
    labels = np.asarray(test[LABEL])
    labelled = labels != LABEL_UNKNOWN
    if not labelled.any():
        return {"calibration_error": None, "f1_per_class": None}
    given = np.asarray(probabilities, dtype=float)[labelled], labels[labelled]
    return {
        "calibration_error": calibration_error(*given),
        "f1_per_class": f1_per_label(*given, label_names(test)),
    }


def teacher_classifier(
    teacher: Teacher, name: str = "teacher", model: PreTrainedModel | None = None
) -> PyTorchClassifier:
    """The teacher in eager PyTorch; with `model`, a changed copy of its model in its place."""
    return PyTorchClassifier(
        model or teacher.model,
        teacher.tokenizer,
        name,
        label_order=teacher.label_order,
        max_length=teacher.max_length,
    )


def score_teacher(
    teacher: Teacher, test: Dataset, model: PreTrainedModel | None = None
) -> dict[str, Any]:
    """What `score` gives of the teacher, or of a changed copy of its model."""
    return score(teacher_classifier(teacher, model=model), test)
