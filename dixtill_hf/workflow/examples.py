# SPDX-License-Identifier: Apache-2.0
"""Pick test texts and set the teacher's and the student's explanations of them side by side."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from dixtill_hf.data import columns
from dixtill_hf.data.alignment import align_spans, explained_scores
from dixtill_hf.data.labels import label_names
from dixtill_hf.evaluation.classification import softmax
from dixtill_hf.student.explaining import explain

TEXTS = 60


def explained_examples(
    test: Dataset, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, seed: int = 0
) -> dict[str, Any]:
    """Explanations of a seeded sample of the test texts, the labels in turn, as JSON values.

    Teacher and student each explain the label that they predict themselves; the teacher's scores
    are summed on the student's words, so that both mark the same words.
    """
    names = label_names(test)
    sample = test.select(_pick(list(test[columns.LABEL]), TEXTS, seed))
    students = explain(model, tokenizer, sample[columns.TEXT][:])
    examples = []
    for row, student in zip(sample, students, strict=True):
        examples.append(
            {
                "text": row[columns.TEXT],
                "label": names[row[columns.LABEL]] if row[columns.LABEL] >= 0 else None,
                "teacher": _teachers_side(row, names, student.spans),
                "student": {
                    "label": student.label,
                    "probability": student.probability,
                    "spans": [list(span) for span in student.spans],
                    "scores": [float(score) for score in student.scores],
                },
                "rationale": row.get(columns.RATIONALE),
            }
        )
    kind = model.config.explanation
    return {"labels": names, "student_explanation": kind, "examples": examples}


def _teachers_side(
    row: Mapping[str, Any], names: Sequence[str], words: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    probabilities = softmax(np.asarray([row[columns.TEACHER_LOGITS]]))[0]
    label = row[columns.EXPLAINED_LABEL]
    attributions = explained_scores(row[columns.TEACHER_ATTRIBUTIONS], label)
    scores = align_spans(row[columns.TEACHER_SPANS], attributions, words)
    return {
        "label": names[label],
        "probability": float(probabilities[label]),
        "spans": [list(word) for word in words],
        "scores": [float(score) for score in scores],
    }


def _pick(labels: Sequence[int], count: int, seed: int) -> list[int]:
    """Rows of a random sample in which every label has its turn."""
    rows_of: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows_of[label].append(row)
    generator = random.Random(seed)
    queues = [generator.sample(rows, len(rows)) for _, rows in sorted(rows_of.items())]
    picked: list[int] = []
    while len(picked) < min(count, len(labels)):
        picked += [queue.pop() for queue in queues if queue]
    return picked[:count]
