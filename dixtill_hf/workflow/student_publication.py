# SPDX-License-Identifier: Apache-2.0
"""Publish the best student of a run: its directory, its model card, and explained examples."""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from dixtill_hf.artifacts.files import write_json
from dixtill_hf.artifacts.stage_cache import RECORD
from dixtill_hf.data import columns
from dixtill_hf.data.alignment import align_spans, explained_scores
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.names import hub_id
from dixtill_hf.distillation.model_card import write_card
from dixtill_hf.evaluation.classification import softmax
from dixtill_hf.reporting.model_card import card_contents
from dixtill_hf.student.explaining import explain
from dixtill_hf.workflow.context import PACKAGED, RunContext
from dixtill_hf.workflow.student_jobs import StudentJob
from dixtill_hf.workflow.student_stage import PROBABILITIES

TEXTS = 60
PACKAGED_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"


def publish_student(context: RunContext, job: StudentJob) -> None:
    """Put a student into `student/`, without what only the run needs."""
    shutil.rmtree(context.student_dir, ignore_errors=True)
    unpublished = shutil.ignore_patterns(RECORD, PROBABILITIES)
    shutil.copytree(job.directory, context.student_dir, ignore=unpublished)


def describe_student(
    context: RunContext, result: Mapping[str, Any], metrics: Mapping[str, Any], test: Dataset
) -> None:
    """Write the published student's card, and examples that it and its teacher explain.

    Args:
        context: What the stages were given.
        result: The student's result, one of `metrics["results"]`.
        metrics: Contents of metrics.json.
        test: The annotated test split.
    """
    target, teacher = context.student_dir, context.recipe.teacher.teacher
    card = card_contents(
        metrics,
        # A path of this machine would mean nothing to those who read the card.
        target.name if target.is_absolute() else target.as_posix(),
        method=result["method"],
        preset=result["preset"],
        seed=result["seed"],
        base_model=hub_id(PACKAGED_HUB_ID if teacher == PACKAGED else teacher),
        dataset_id=hub_id(context.recipe.data.source),
    )
    write_card(target, card)
    model = AutoModelForSequenceClassification.from_pretrained(target)
    tokenizer = AutoTokenizer.from_pretrained(target)
    examples = explained_examples(test, model, tokenizer)
    write_json(context.output_dir / "explanations.json", examples)


def best_student(results: Sequence[Mapping[str, Any]]) -> int:
    """Position of the best DiXtill student on validation; of any method if there is none.

    Without a labelled validation text, the best is the one that agrees most with the teacher.
    """
    positions = [i for i, r in enumerate(results) if r["method"] == "dixtill"]

    def score(position: int) -> float:
        validation = results[position]["validation"]
        macro_f1 = validation["macro_f1"]
        return validation["teacher_agreement"] if macro_f1 is None else macro_f1

    return max(positions or range(len(results)), key=score)


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
