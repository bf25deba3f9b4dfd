# SPDX-License-Identifier: Apache-2.0
"""Publish the best student of a run: its directory, its model card, and explained examples."""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
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
from dixtill_hf.artifacts.markdown import one_line
from dixtill_hf.artifacts.stage_cache import RECORD
from dixtill_hf.data import columns
from dixtill_hf.data.alignment import align_spans, explained_scores
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.names import hub_id
from dixtill_hf.data.problem_types import SINGLE_LABEL, ProblemType
from dixtill_hf.data.text_pairs import TextPair, text_of, texts_of
from dixtill_hf.distillation.model_card import write_card
from dixtill_hf.evaluation.quality import QUALITY
from dixtill_hf.hub.facts import CardFacts
from dixtill_hf.reporting.explanation_picture import PICTURE, explanation_svg
from dixtill_hf.reporting.model_card import card_contents
from dixtill_hf.student.explaining import explain
from dixtill_hf.student.unknown_words import unknown_word_share
from dixtill_hf.workflow.context import PACKAGED, RunContext
from dixtill_hf.workflow.predictions import labels_of_split
from dixtill_hf.workflow.recipe import Recipe
from dixtill_hf.workflow.student_jobs import StudentJob
from dixtill_hf.workflow.student_stage import PROBABILITIES

TEXTS = 60
# Characters of the text that the card's picture shows.
_LONGEST_SHOWN = 120
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
    target, facts = context.student_dir, card_facts(context.recipe)
    model = AutoModelForSequenceClassification.from_pretrained(target)
    tokenizer = AutoTokenizer.from_pretrained(target)
    card = card_contents(
        metrics,
        # A path of this machine would mean nothing to those who read the card.
        target.name if target.is_absolute() else target.as_posix(),
        method=result["method"],
        preset=result["preset"],
        seed=result["seed"],
        language=list(facts.language) or None,
        license=facts.license,
        base_model=facts.teacher_id,
        dataset_id=facts.dataset_id,
    )
    card = replace(card, text_pairs=model.config.text_pairs, cell=model.config.cell)
    examples = explained_examples(test, model, tokenizer)
    write_json(context.output_dir / "explanations.json", examples)
    text = _shown_text(examples["examples"])
    if text is not None:
        (explanation,) = explain(model, tokenizer, [text])
        (target / PICTURE).write_text(explanation_svg(explanation), encoding="utf-8")
        if isinstance(text, TextPair):
            card = replace(card, example=text.text, example_pair=text.text_pair)
        else:
            card = replace(card, example=text)
        card = replace(card, picture=f"{explanation.label}: {one_line(text)}")
    write_card(target, card)


def card_facts(recipe: Recipe) -> CardFacts:
    """What the card of a recipe's student says that no figure tells.

    Args:
        recipe: The recipe; ids that it does not name are those of its source and teacher, if these
            are ids.

    Raises:
        ValueError: The Hub does not accept one of the facts.
    """
    given, teacher = recipe.output, recipe.teacher.teacher
    return CardFacts(
        license=given.license,
        language=given.language or (),
        dataset_id=given.dataset_id or hub_id(recipe.data.source),
        teacher_id=given.teacher_id or hub_id(PACKAGED_HUB_ID if teacher == PACKAGED else teacher),
    )


def _shown_text(examples: Sequence[Mapping[str, Any]]) -> str | None:
    """The text of the card's picture: a short one that teacher and student both get right."""
    right = [
        one
        for one in examples
        if one["label"] == one["student"]["label"] == one["teacher"]["label"]
        and len(one["text"]) <= _LONGEST_SHOWN
    ]
    best = max(right, key=lambda one: len(one["student"]["spans"]), default=None)
    if best is None:
        return None
    return TextPair(*best["texts"]) if "texts" in best else best["text"]


def candidates(results: Sequence[Mapping[str, Any]]) -> list[int]:
    """Positions of the students that may be published: DiXtill's; all if there are none of it."""
    positions = [i for i, r in enumerate(results) if r["method"] == "dixtill"]
    return positions or list(range(len(results)))


def best_student(results: Sequence[Mapping[str, Any]]) -> int:
    """Position of the candidate that is best on validation.

    The best has the most of the main metric of its kind of task; without a labelled validation
    text, it is the one that agrees most with the teacher.
    """

    def score(position: int) -> float:
        row = results[position]
        validation = row["validation"]
        quality = validation[QUALITY[row.get("problem_type", SINGLE_LABEL)].main]
        return validation["teacher_agreement"] if quality is None else quality

    return max(candidates(results), key=score)


def explained_examples(
    test: Dataset, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, seed: int = 0
) -> dict[str, Any]:
    """Explanations of a seeded sample of the test texts, the labels in turn, as JSON values.

    Teacher and student each explain the label that they predict themselves; the teacher's scores
    are summed on the student's words, so that both mark the same words.
    """
    names = label_names(test)
    problem, labels = labels_of_split(test)
    rows = _pick(problem.groups(labels), TEXTS, seed)
    sample, right = test.select(rows), labels[rows]
    students = explain(model, tokenizer, texts_of(sample))
    examples = []
    for row, label, student in zip(sample, right, students, strict=True):
        gold = [names[one] for one in _gold_labels(problem, label)]
        examples.append(
            {
                **_shown(text_of(row)),
                "label": gold[0] if gold else None,
                "labels": gold,
                "teacher": _teachers_side(problem, row, names, student.spans),
                "student": {
                    "label": student.label,
                    "probability": student.probability,
                    "value": student.logits[student.label],
                    "spans": [list(span) for span in student.spans],
                    "scores": [float(score) for score in student.scores],
                },
                "rationale": row.get(columns.RATIONALE),
                "unknown_words": unknown_word_share(tokenizer, [text_of(row)]),
            }
        )
    return {
        "labels": names,
        "problem_type": problem.name,
        "student_explanation": model.config.explanation,
        "examples": examples,
    }


def _shown(text: str) -> dict[str, Any]:
    """A text as examples have it: one string; of a pair, in addition both texts."""
    pair = {"texts": list(text.parts)} if isinstance(text, TextPair) else {}
    return {"text": str.__str__(text)[:], **pair}


def _gold_labels(problem: ProblemType, label: Any) -> list[int]:
    """The right labels of a text; none in a regression, or if nothing is known."""
    if not problem.is_classification:
        return []
    if np.ndim(label):
        return np.flatnonzero(label == 1).tolist()
    return [int(label)] if label >= 0 else []


def _teachers_side(
    problem: ProblemType,
    row: Mapping[str, Any],
    names: Sequence[str],
    words: Sequence[tuple[int, int]],
) -> dict[str, Any]:
    """What the teacher says of a text; of several explained labels the most probable one."""
    logits = np.asarray(row[columns.TEACHER_LOGITS])
    explained, attributions = row[columns.EXPLAINED_LABEL], row[columns.TEACHER_ATTRIBUTIONS]
    if isinstance(explained, list):
        place = int(np.argmax(logits[explained]))
        label, own = explained[place], attributions[place]
    else:
        label, own = explained, explained_scores(attributions, explained)
    probability = float(problem.scores(logits[None])[0, label])
    return {
        "label": names[label],
        "probability": probability if problem.is_classification else None,
        "value": float(logits[label]),
        "spans": [list(word) for word in words],
        "scores": [float(s) for s in align_spans(row[columns.TEACHER_SPANS], own, words)],
    }


def _pick(groups: Sequence[Hashable], count: int, seed: int) -> list[int]:
    """Rows of a random sample in which every group has its turn."""
    rows_of: dict[Any, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        rows_of[group].append(row)
    generator = random.Random(seed)
    queues = [generator.sample(rows, len(rows)) for _, rows in sorted(rows_of.items())]
    picked: list[int] = []
    while len(picked) < min(count, len(groups)):
        picked += [queue.pop() for queue in queues if queue]
    return picked[:count]
