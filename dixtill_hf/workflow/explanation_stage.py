# SPDX-License-Identifier: Apache-2.0
"""Explanations of every model: how near to the teacher's, how faithful, how plausible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from tqdm.auto import tqdm
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from dixtill_hf.artifacts.stage_cache import OutputCache
from dixtill_hf.baselines.bag_of_words import BagOfWords, fit_labelled
from dixtill_hf.data.alignment import align_spans, explained_scores
from dixtill_hf.data.columns import (
    EXPLAINED_LABEL,
    LABEL,
    LABEL_UNKNOWN,
    RATIONALE,
    TEACHER_ATTRIBUTIONS,
    TEACHER_SPANS,
)
from dixtill_hf.data.splitting import seeded_sample
from dixtill_hf.data.text_pairs import spans_in_text, texts_of, tokenizer_inputs
from dixtill_hf.data.words import word_limit, word_spans
from dixtill_hf.evaluation.agreement.base import explanation_agreement
from dixtill_hf.evaluation.classifiers import (
    predict_probabilities,
    student_classifier,
    teacher_classifier,
)
from dixtill_hf.evaluation.faithfulness import Predict, faithfulness, word_scores
from dixtill_hf.evaluation.plausibility import plausibility
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
KS = range(1, 11)
_TEACHER = "teacher"


@dataclass(frozen=True)
class ExplainedModel:
    """A model with one way of explaining itself.

    Attributes:
        method: Name in `METHODS`, that of the bag of words, or "teacher".
        preset: Preset that a student was trained with; None for other models.
        seed: Seed that a student was trained with; None for other models.
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


def explained_models(run: FinishedRun) -> Iterator[ExplainedModel]:
    """Every student with each of its explanations and two controls, and the bag of words."""
    for job in run.jobs:
        yield from _explained_students(job)
    if any(row["method"] == BAG_OF_WORDS for row in run.metrics["results"]):
        model = fit_labelled(run.annotated["train"], len(run.one_teacher.label_order))
        yield ExplainedModel(
            BAG_OF_WORDS,
            None,
            None,
            COEFFICIENTS,
            partial(_coefficients, model),
            partial(predict_probabilities, model),
        )


def _explained_students(job: StudentJob) -> Iterator[ExplainedModel]:
    model = AutoModelForSequenceClassification.from_pretrained(job.directory)
    tokenizer = AutoTokenizer.from_pretrained(job.directory)
    predict = partial(predict_probabilities, student_classifier(model, tokenizer, job.method))
    ways: dict[str, Explain] = {
        kind: partial(_own_explanation, model, tokenizer, kind) for kind in EXPLANATIONS
    }
    ways[INTEGRATED_GRADIENTS] = partial(_integrated_gradients, model, tokenizer)
    own = model.config.explanation
    shuffled = shuffled_student(model, seed=job.seed)
    ways[SHUFFLED] = partial(_own_explanation, shuffled, tokenizer, own)
    ways[RANDOM] = partial(_random, job.seed)
    for kind, way in ways.items():
        yield ExplainedModel(
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
    encoded = tokenizer(**tokenizer_inputs(texts), truncation=True, max_length=limit)
    offsets = map(spans_in_text, texts, encoded.encodings)
    explained: list[Explained] = []
    for spans, scores in zip(offsets, found, strict=True):
        # Special tokens have no characters of the text.
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


def study_explanations(
    run: FinishedRun, most_texts: int, cache: OutputCache
) -> dict[str, list[dict[str, Any]]]:
    """Agreement, faithfulness and plausibility of all explanations on a sample of the test texts.

    Agreement is measured for every seed and the label that the teacher's attributions explain,
    faithfulness for the first seed and the label that the model itself predicts, plausibility for
    the first seed and the right label.

    Args:
        run: The finished run.
        most_texts: Size of the sample, at most.
        cache: Keeps the measurements.

    Returns:
        Rows under `agreement`, `faithfulness` and, if texts have rationales, `plausibility`.
    """
    sample = seeded_sample(run.annotated["test"], most_texts)
    key = [run.metrics["fingerprint"], run.annotation_key, texts_of(sample)]

    def measure() -> dict[str, list[dict[str, Any]]]:
        models = [_explained_teacher(run, sample), *explained_models(run)]
        study: dict[str, list[dict[str, Any]]] = {
            "agreement": [],
            "faithfulness": [],
            "plausibility": [],
        }
        for model in tqdm(models, desc="Explanations"):
            if model.method != _TEACHER:
                study["agreement"].append({**_name(model), **_agreement(model, sample)})
            if model.seed in (None, 0):
                study["faithfulness"].append({**_name(model), **_faithfulness(model, sample)})
                rightly = _rightly_explained(model, sample)
                if RATIONALE in sample.column_names and len(rightly):
                    study["plausibility"].append({**_name(model), **_plausibility(model, rightly)})
        return {name: rows for name, rows in study.items() if rows}

    return cache.value("explanations", key, measure)


def _name(model: ExplainedModel) -> dict[str, Any]:
    return {
        "model": model.method,
        "preset": model.preset,
        "seed": model.seed,
        "explanation": model.explanation,
    }


def _explained_teacher(run: FinishedRun, sample: Dataset) -> ExplainedModel:
    """The teacher, with the attributions of the annotation, for whatever label they explain."""
    explained = dict(zip(texts_of(sample), _teachers_explanations(sample), strict=True))
    return ExplainedModel(
        method=_TEACHER,
        preset=None,
        seed=None,
        explanation=run.metrics["teacher"]["explainer"]["name"],
        explain=lambda texts, _labels: [explained[text] for text in texts],
        predict=partial(predict_probabilities, teacher_classifier(run.one_teacher)),
        explains_any_label=False,
    )


def _teachers_explanations(sample: Dataset) -> list[Explained]:
    columns = (TEACHER_SPANS, TEACHER_ATTRIBUTIONS, EXPLAINED_LABEL)
    return [
        (spans, np.asarray(explained_scores(attributions, label)))
        for spans, attributions, label in zip(*(sample[name] for name in columns), strict=True)
    ]


def _agreement(model: ExplainedModel, sample: Dataset) -> dict[str, Any]:
    """Agreement with the teacher, on the words of whoever is judged."""
    explained = model.explain(texts_of(sample), sample[EXPLAINED_LABEL][:])
    targets = [
        align_spans(spans, scores, words)
        for (spans, scores), (words, _) in zip(
            _teachers_explanations(sample), explained, strict=True
        )
    ]
    return explanation_agreement(targets, [scores for _, scores in explained], KS)


def _faithfulness(model: ExplainedModel, sample: Dataset) -> dict[str, Any]:
    """How true the explanations of its own predictions are to the model."""
    texts = texts_of(sample)
    labels = np.asarray(model.predict(texts)).argmax(-1)
    if not model.explains_any_label:
        labels = np.asarray(sample[EXPLAINED_LABEL])
    scores = _word_scores(model, texts, labels.tolist())
    return faithfulness(model.predict, texts, scores, labels, signed=model.signed).means()


def _plausibility(model: ExplainedModel, sample: Dataset) -> dict[str, Any]:
    """Whether it names, for the right label, the words that people name for it."""
    texts = texts_of(sample)
    scores = _word_scores(model, texts, sample[LABEL][:])
    return plausibility(texts, scores, sample[RATIONALE][:], signed=model.signed)


def _rightly_explained(model: ExplainedModel, sample: Dataset) -> Dataset:
    """The labelled texts whose right label the model explains."""
    labels = np.asarray(sample[LABEL])
    chosen = labels != LABEL_UNKNOWN
    if not model.explains_any_label:
        chosen &= labels == np.asarray(sample[EXPLAINED_LABEL])
    return sample.select(np.flatnonzero(chosen))


def _word_scores(
    model: ExplainedModel, texts: Sequence[str], labels: Sequence[int]
) -> list[NDArray]:
    explained = model.explain(texts, labels)
    return [word_scores(text, *one) for text, one in zip(texts, explained, strict=True)]
