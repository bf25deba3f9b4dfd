# SPDX-License-Identifier: Apache-2.0
"""What students, teachers and baselines predict for an annotated split, and how good that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import ArrayLike, NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dixtill_hf.data.columns import TEACHER_LOGITS
from dixtill_hf.data.label_column import label_array, problem_type_of
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.problem_types import (
    DEFAULT_THRESHOLD,
    PROBLEM_TYPES,
    SINGLE_LABEL,
    ProblemType,
    problem_type_of_model,
    thresholds_of_model,
)
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.distillation.batching import DistillationCollator
from dixtill_hf.distillation.dataset import prepare_dataset
from dixtill_hf.distillation.prepared_columns import (
    ATTRIBUTION_TARGETS,
    EXPLAINED_LABEL,
    LABELS,
    LENGTH,
)
from dixtill_hf.evaluation.agreement.base import explanation_agreement
from dixtill_hf.evaluation.classification import calibration_error, f1_per_label
from dixtill_hf.evaluation.classifiers import Classifier, predict_probabilities, teacher_classifier
from dixtill_hf.evaluation.quality import label_f1, prediction_agreement, quality
from dixtill_hf.student.inputs import INPUTS
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.teacher.loading import Teacher

TEXTS_PER_BATCH = 256


@dataclass(frozen=True)
class StudentPredictions:
    """A student's predictions to the texts of a split, in their order.

    Attributes:
        problem: The kind of task.
        probabilities: `(texts, labels)`; in a regression the values.
        explanations: One array `(words,)` per text and explained label, one text after the other:
            the student's scores for a label that the teacher's attributions explain.
        targets: The same of the teacher: its attributions on the student's words.
        labels: The right labels, as `ProblemType.array` gives them.
        teacher_probabilities: `(texts, labels)`, the teacher's; in a regression its values.
        thresholds: Probability from which on a text has a label, if it may have several.
    """

    problem: ProblemType
    probabilities: NDArray[np.float64]
    explanations: list[NDArray]
    targets: list[NDArray]
    labels: NDArray
    teacher_probabilities: NDArray[np.float64]
    thresholds: float | list[float]

    @property
    def predictions(self) -> NDArray:
        """What the student predicts, see `ProblemType.decisions`."""
        return self.problem.decisions(self.probabilities, self.thresholds)


def predict(
    model: DixtillForSequenceClassification, tokenizer: PreTrainedTokenizerBase, split: Dataset
) -> StudentPredictions:
    """Let a student classify and explain every text of an annotated split."""
    names = [model.config.id2label[i] for i in range(model.config.num_labels)]
    problem = problem_type_of_model(model.config)
    required = (LABELS, TEACHER_LOGITS, ATTRIBUTION_TARGETS)
    prepared = prepare_dataset(
        split, tokenizer, names, problem_type=problem.name, required=required
    )
    collate = DistillationCollator(tokenizer.pad_token_id)
    logits: list[NDArray] = []
    explanations: list[NDArray] = []
    targets: list[NDArray] = []
    model.eval()
    for start in range(0, len(prepared), TEXTS_PER_BATCH):
        rows = prepared[start : start + TEXTS_PER_BATCH]
        batch = collate(
            [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]
        )
        batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
        explained = batch[EXPLAINED_LABEL].view(len(rows[LENGTH]), -1)
        with torch.inference_mode():
            output = model(**{name: batch[name] for name in INPUTS if name in batch})
            scores = model.explain_from(output, explained.clamp(min=0)).float().cpu().numpy()
        logits.append(output.logits.float().cpu().numpy())
        wanted = batch[ATTRIBUTION_TARGETS].view(scores.shape).cpu().numpy()
        for row, length in enumerate(rows[LENGTH]):
            for place in np.flatnonzero(explained[row].cpu().numpy() >= 0):
                explanations.append(scores[row, place, :length])
                targets.append(wanted[row, place, :length])
    return StudentPredictions(
        problem=problem,
        probabilities=problem.scores(np.concatenate(logits)),
        explanations=explanations,
        targets=targets,
        labels=np.asarray(prepared[LABELS][:]),
        teacher_probabilities=problem.scores(np.asarray(prepared[TEACHER_LOGITS][:])),
        thresholds=thresholds_of_model(model.config),
    )


def assess(predictions: StudentPredictions, explanation_kind: str) -> dict[str, Any]:
    """Quality, agreement with the teacher's predictions, and agreement with its explanations.

    Args:
        predictions: From `predict`.
        explanation_kind: What the explanations are: `contributions` or `attention`.
    """
    one = predictions
    agreement = explanation_agreement(one.targets, one.explanations)
    return {
        **quality(one.problem, one.probabilities, one.labels, one.thresholds),
        "teacher_agreement": prediction_agreement(
            one.problem, one.probabilities, one.teacher_probabilities, one.thresholds
        ),
        "explanation": {"kind": explanation_kind, **agreement},
    }


def score(classifier: Classifier, test: Dataset) -> dict[str, Any]:
    """Quality, calibration and agreement with the teacher's predictions."""
    return measures(predict_probabilities(classifier, texts_of(test)), test)


def measures(
    probabilities: NDArray[np.float64], test: Dataset, thresholds: ArrayLike = DEFAULT_THRESHOLD
) -> dict[str, Any]:
    """The same from probabilities `(texts, labels)`, or values, of an annotated split.

    Args:
        probabilities: What a model predicts for the test texts: probabilities `(texts, labels)`, or
            the values of a regression.
        test: The annotated split.
        thresholds: Probability from which on a text has a label, if it may have several.
    """
    problem, labels = labels_of_split(test)
    teacher = problem.scores(np.asarray(test[TEACHER_LOGITS][:]))
    return {
        **quality(problem, probabilities, labels, thresholds),
        **calibration(probabilities, test, thresholds),
        "teacher_agreement": prediction_agreement(problem, probabilities, teacher, thresholds),
    }


def labels_of_split(split: Dataset) -> tuple[ProblemType, NDArray]:
    """The kind of task of a labelled split, and its labels as `ProblemType.array` gives them."""
    problem = problem_type_of(split) or PROBLEM_TYPES[SINGLE_LABEL]
    return problem, label_array(split, problem, len(label_names(split)))


def calibration(
    probabilities: NDArray[np.floating], test: Dataset, thresholds: ArrayLike = DEFAULT_THRESHOLD
) -> dict[str, Any]:
    """Expected calibration error and F1 of every label, over the labelled texts.

    Both are None in a regression, and the error if a text may have several labels.

    Args:
        probabilities: What a model predicts for the test texts, `(texts, labels)`.
        test: The split.
        thresholds: As for `measures`.
    """
    problem, labels = labels_of_split(test)
    labelled = problem.is_labelled(labels)
    if not labelled.any() or not problem.is_classification:
        return {"calibration_error": None, "f1_per_class": None}
    given, right = np.asarray(probabilities, dtype=float)[labelled], labels[labelled]
    names = label_names(test)
    if problem.name != SINGLE_LABEL:
        found = label_f1(problem, given, right, names, thresholds)
        return {"calibration_error": None, "f1_per_class": found}
    return {
        "calibration_error": calibration_error(given, right),
        "f1_per_class": f1_per_label(given, right, names),
    }


def score_teacher(
    teacher: Teacher, test: Dataset, model: PreTrainedModel | None = None
) -> dict[str, Any]:
    """What `score` gives of the teacher, or of a changed copy of its model."""
    return score(teacher_classifier(teacher, model=model), test)
