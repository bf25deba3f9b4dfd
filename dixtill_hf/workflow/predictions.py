# SPDX-License-Identifier: Apache-2.0
"""What students, teachers and baselines predict for an annotated split, and how good that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dixtill_hf.data.columns import LABEL, LABEL_UNKNOWN, TEACHER_LOGITS, TEXT
from dixtill_hf.data.labels import label_names
from dixtill_hf.distillation.batching import DistillationCollator
from dixtill_hf.distillation.dataset import (
    ATTRIBUTION_TARGETS,
    EXPLAINED_LABEL,
    INPUT_IDS,
    LABELS,
    LENGTH,
    prepare_dataset,
)
from dixtill_hf.evaluation.agreement.base import explanation_agreement
from dixtill_hf.evaluation.classification import (
    calibration_error,
    classification_metrics,
    f1_per_label,
    softmax,
)
from dixtill_hf.evaluation.classifiers import Classifier, PyTorchClassifier, predict_probabilities
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.teacher.loading import Teacher

TEXTS_PER_BATCH = 256


@dataclass(frozen=True)
class StudentPredictions:
    """A student's predictions to the texts of a split, in their order.

    Attributes:
        probabilities: `(texts, labels)`.
        explanations: One array `(words,)` per text: the student's scores for the label that the
            teacher's attributions explain.
        targets: One array `(words,)` per text: the teacher's attributions on the student's words.
        labels: `(texts,)`, the right labels.
        teacher_labels: `(texts,)`, the teacher's predictions.
    """

    probabilities: NDArray[np.float64]
    explanations: list[NDArray]
    targets: list[NDArray]
    labels: NDArray[np.integer]
    teacher_labels: NDArray[np.integer]

    @property
    def predictions(self) -> NDArray[np.integer]:
        """`(texts,)`, the student's predictions."""
        return self.probabilities.argmax(-1)


def predict(
    model: DixtillForSequenceClassification, tokenizer: PreTrainedTokenizerBase, split: Dataset
) -> StudentPredictions:
    """Let a student classify and explain every text of an annotated split."""
    names = [model.config.id2label[i] for i in range(model.config.num_labels)]
    required = (LABELS, TEACHER_LOGITS, ATTRIBUTION_TARGETS)
    prepared = prepare_dataset(split, tokenizer, names, required=required)
    collate = DistillationCollator(tokenizer.pad_token_id)
    logits: list[NDArray] = []
    explanations: list[NDArray] = []
    model.eval()
    for start in range(0, len(prepared), TEXTS_PER_BATCH):
        rows = prepared[start : start + TEXTS_PER_BATCH]
        batch = collate(
            [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]
        )
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        with torch.inference_mode():
            output = model(batch[INPUT_IDS], batch["attention_mask"])
            scores = model.explain_from(output, batch[EXPLAINED_LABEL]).float().cpu().numpy()
        logits.append(output.logits.float().cpu().numpy())
        explanations += [s[:n] for s, n in zip(scores, rows[LENGTH], strict=True)]
    return StudentPredictions(
        probabilities=softmax(np.concatenate(logits)),
        explanations=explanations,
        targets=[np.asarray(target) for target in prepared[ATTRIBUTION_TARGETS]],
        labels=np.asarray(prepared[LABELS]),
        teacher_labels=np.asarray(prepared[TEACHER_LOGITS]).argmax(-1),
    )


def quality(
    probabilities: NDArray[np.float64], labels: NDArray[np.integer]
) -> dict[str, float | None]:
    """Classification metrics over the labelled texts; None each if no text has a label."""
    labelled = labels != LABEL_UNKNOWN
    if not labelled.any():
        return dict.fromkeys(("accuracy", "macro_f1", "matthews", "roc_auc"))
    return classification_metrics(probabilities[labelled], labels[labelled])


def assess(predictions: StudentPredictions, explanation_kind: str) -> dict[str, Any]:
    """Quality, agreement with the teacher's predictions, and agreement with its explanations.

    Args:
        predictions: From `predict`.
        explanation_kind: What the explanations are: `contributions` or `attention`.
    """
    agreement = explanation_agreement(predictions.targets, predictions.explanations)
    return {
        **quality(predictions.probabilities, predictions.labels),
        "teacher_agreement": float((predictions.predictions == predictions.teacher_labels).mean()),
        "explanation": {"kind": explanation_kind, **agreement},
    }


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
