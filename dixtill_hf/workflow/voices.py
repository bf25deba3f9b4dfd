# SPDX-License-Identifier: Apache-2.0
"""Every model of a run with every way it has of explaining itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from dixtill_hf.compression.bag_of_words import BagOfWords
from dixtill_hf.evaluation.classifiers import PyTorchClassifier, predict_probabilities
from dixtill_hf.evaluation.faithfulness import Predict, random_scores
from dixtill_hf.evaluation.student_explanations import (
    integrated_gradients_of_student,
    shuffled_student,
)
from dixtill_hf.student.configuration_dixtill import EXPLANATIONS
from dixtill_hf.student.explaining import explain
from dixtill_hf.student.modeling_dixtill import DixtillForSequenceClassification
from dixtill_hf.teacher.explainers.words import word_spans
from dixtill_hf.workflow.jobs import StudentJob
from dixtill_hf.workflow.metrics import BAG_OF_WORDS, fit_bag_of_words
from dixtill_hf.workflow.run import FinishedRun

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
    """The voices of every student and of the bag of words; random scores for every first seed."""
    for job in run.jobs:
        yield from _student_voices(job)
    if any(row["method"] == BAG_OF_WORDS for row in run.metrics["results"]):
        model = fit_bag_of_words(run.annotated)
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
    predict = partial(predict_probabilities, PyTorchClassifier(model, tokenizer, job.method))
    ways: dict[str, Explain] = {
        kind: partial(_own_explanation, model, tokenizer, kind) for kind in EXPLANATIONS
    }
    ways[INTEGRATED_GRADIENTS] = partial(_integrated_gradients, model, tokenizer)
    shuffled = shuffled_student(model, seed=job.seed)
    ways[SHUFFLED] = partial(_own_explanation, shuffled, tokenizer, model.config.explanation)
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
            signed=kind != "attention",
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
    scores = integrated_gradients_of_student(model, tokenizer, texts, labels)
    spans = [one.spans for one in explain(model, tokenizer, texts)]
    return list(zip(spans, scores, strict=True))


def _coefficients(
    model: BagOfWords, texts: Sequence[str], labels: Sequence[int]
) -> list[Explained]:
    spans = [model.word_spans(text) for text in texts]
    return list(zip(spans, model.explain(texts, labels), strict=True))


def _random(seed: int, texts: Sequence[str], _labels: Sequence[int]) -> list[Explained]:
    scores = random_scores(texts, seed)
    return [(word_spans(text), one) for text, one in zip(texts, scores, strict=True)]
