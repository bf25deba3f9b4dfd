# SPDX-License-Identifier: Apache-2.0
"""Every model of a run with every way it has of explaining itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from dixtill_hf.baselines.bag_of_words import BagOfWords, fit_labelled
from dixtill_hf.data.words import word_limit, word_spans
from dixtill_hf.evaluation.classifiers import PyTorchClassifier, predict_probabilities
from dixtill_hf.evaluation.faithfulness import Predict
from dixtill_hf.evaluation.student_explanations import (
    integrated_gradients_of_student,
    shuffled_student,
)
from dixtill_hf.student.configuration_dixtill import EXPLANATIONS
from dixtill_hf.student.explaining import explain
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.workflow.evaluation_stage import BAG_OF_WORDS
from dixtill_hf.workflow.run import FinishedRun
from dixtill_hf.workflow.student_jobs import StudentJob

Spans = Sequence[tuple[int, int]]
Explained = tuple[Spans, NDArray[np.floating]]
# From texts and the label to explain in each to the words' characters and scores.
Explain = Callable[[Sequence[str], Sequence[int]], list[Explained]]

INTEGRATED_GRADIENTS = "integrated_gradients"
SHUFFLED = "shuffled"
RANDOM = "random"
COEFFICIENTS = "coefficients"


@dataclass(frozen=True)
class Voice:
    """A model with one way of explaining itself.

    Attributes:
        method: Name in `METHODS`, that of the bag of words, or "teacher".
        preset: Of a student.
        seed: Of a student.
        explanation: What the scores are.
        explain: Explains texts.
        predict: The model itself, from texts to probabilities.
        signed: Whether a score below 0 speaks against the label.
        explains_any_label: Whether it explains the label that it is asked for.
    """

    method: str
    preset: str | None
    seed: int | None
    explanation: str
    explain: Explain
    predict: Predict
    signed: bool = True
    explains_any_label: bool = True


def voices_of(run: FinishedRun) -> Iterator[Voice]:
    """The voices of every student, with its two controls, and of the bag of words."""
    for job in run.jobs:
        yield from _student_voices(job)
    if any(row["method"] == BAG_OF_WORDS for row in run.metrics["results"]):
        model = fit_labelled(run.annotated["train"], len(run.one_teacher.label_order))
        yield Voice(
            BAG_OF_WORDS,
            None,
            None,
            COEFFICIENTS,
            partial(_coefficients, model),
            partial(predict_probabilities, model),
        )


def _student_voices(job: StudentJob) -> Iterator[Voice]:
    model = AutoModelForSequenceClassification.from_pretrained(job.directory)
    tokenizer = AutoTokenizer.from_pretrained(job.directory)
    limit = word_limit(tokenizer.model_max_length)
    classifier = PyTorchClassifier(model, tokenizer, job.method, max_length=limit)
    predict = partial(predict_probabilities, classifier)
    ways: dict[str, Explain] = {
        kind: partial(_own_explanation, model, tokenizer, kind) for kind in EXPLANATIONS
    }
    ways[INTEGRATED_GRADIENTS] = partial(_integrated_gradients, model, tokenizer)
    own = model.config.explanation
    shuffled = shuffled_student(model, seed=job.seed)
    ways[SHUFFLED] = partial(_own_explanation, shuffled, tokenizer, own)
    ways[RANDOM] = partial(_random, job.seed)
    for kind, way in ways.items():
        yield Voice(
            job.method,
            job.preset,
            job.seed,
            kind,
            way,
            predict,
            # The attention score knows no label: how large it is tells how much a word matters.
            signed=kind != "attention" and not (kind == SHUFFLED and own == "attention"),
        )


def _own_explanation(
    model: DixtillForSequenceClassification,
    tokenizer: AutoTokenizer,
    kind: str,
    texts: Sequence[str],
    labels: Sequence[int],
) -> list[Explained]:
    trained_to = model.config.explanation
    model.config.explanation = kind
    try:
        explanations = explain(model, tokenizer, texts, labels=list(labels))
    finally:
        model.config.explanation = trained_to
    return [(one.spans, np.asarray(one.scores)) for one in explanations]


def _integrated_gradients(
    model: DixtillForSequenceClassification,
    tokenizer: AutoTokenizer,
    texts: Sequence[str],
    labels: Sequence[int],
) -> list[Explained]:
    found = integrated_gradients_of_student(model, tokenizer, texts, labels)
    limit = word_limit(tokenizer.model_max_length)
    offsets = tokenizer(
        list(texts), truncation=True, max_length=limit, return_offsets_mapping=True
    )["offset_mapping"]
    explained: list[Explained] = []
    for spans, scores in zip(offsets, found, strict=True):
        # Special tokens stand for no characters of the text.
        ordinary = [place for place, (start, end) in enumerate(spans) if start < end]
        explained.append(([spans[place] for place in ordinary], scores[ordinary]))
    return explained


def _coefficients(
    model: BagOfWords, texts: Sequence[str], labels: Sequence[int]
) -> list[Explained]:
    known = set(model.labels)
    explained: list[Explained] = []
    for text, label in zip(texts, labels, strict=True):
        spans = word_spans(text)
        # No word speaks for a label that was in no training text.
        scores = model.explain([text], [label])[0] if label in known else np.zeros(len(spans))
        explained.append((spans, scores))
    return explained


def _random(seed: int, texts: Sequence[str], _labels: Sequence[int]) -> list[Explained]:
    generator = np.random.default_rng(seed)
    spans = [word_spans(text) for text in texts]
    return [(words, generator.standard_normal(len(words))) for words in spans]
