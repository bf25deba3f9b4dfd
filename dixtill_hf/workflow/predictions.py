# SPDX-License-Identifier: Apache-2.0
"""What a trained student says of an annotated split, and how good that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from dixtill_hf.data.columns import LABEL_UNKNOWN
from dixtill_hf.distillation.batching import DistillationCollator
from dixtill_hf.distillation.dataset import (
    ATTRIBUTION_TARGETS,
    EXPLAINED_LABEL,
    INPUT_IDS,
    LABELS,
    LENGTH,
    TEACHER_LOGITS,
    prepare_dataset,
)
from dixtill_hf.evaluation.agreement import explanation_agreement
from dixtill_hf.evaluation.classification import classification_metrics, softmax
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification

TEXTS_PER_BATCH = 256


@dataclass(frozen=True)
class Answers:
    """A student's answers to the texts of a split, in their order.

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


def ask(
    model: DixtillForSequenceClassification, tokenizer: PreTrainedTokenizerBase, split: Dataset
) -> Answers:
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
    return Answers(
        probabilities=softmax(np.concatenate(logits)),
        explanations=explanations,
        targets=[np.asarray(target) for target in prepared[ATTRIBUTION_TARGETS]],
        labels=np.asarray(prepared[LABELS]),
        teacher_labels=np.asarray(prepared[TEACHER_LOGITS]).argmax(-1),
    )


def quality(
    probabilities: NDArray[np.float64], labels: NDArray[np.integer]
) -> dict[str, float | None]:
    """Classification metrics over the labelled texts; None each where no text has a label."""
    labelled = labels != LABEL_UNKNOWN
    if not labelled.any():
        return dict.fromkeys(("accuracy", "macro_f1", "matthews", "roc_auc"))
    return classification_metrics(probabilities[labelled], labels[labelled])


def assess(answers: Answers, explanation_kind: str) -> dict[str, Any]:
    """Quality, agreement with the teacher's predictions, and agreement with its explanations.

    Args:
        answers: From `ask`.
        explanation_kind: What the explanations are: `contributions` or `attention`.
    """
    agreement = explanation_agreement(answers.targets, answers.explanations)
    return {
        **quality(answers.probabilities, answers.labels),
        "teacher_agreement": float((answers.predictions == answers.teacher_labels).mean()),
        "explanation": {"kind": explanation_kind, **agreement},
    }
