# SPDX-License-Identifier: Apache-2.0
"""Every model's explanations: how close to the teacher's, how true to the model, how plausible."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray
from tqdm.auto import tqdm

from dixtill_hf.data.alignment import align_spans, explained_scores
from dixtill_hf.data.columns import (
    EXPLAINED_LABEL,
    LABEL,
    LABEL_UNKNOWN,
    RATIONALE,
    TEACHER_ATTRIBUTIONS,
    TEACHER_SPANS,
    TEXT,
)
from dixtill_hf.data.splitting import seeded_sample
from dixtill_hf.evaluation.agreement import explanation_agreement
from dixtill_hf.evaluation.classifiers import predict_probabilities
from dixtill_hf.evaluation.faithfulness import faithfulness, word_scores
from dixtill_hf.evaluation.plausibility import plausibility
from dixtill_hf.workflow.explained_models import Explained, Voice, voices_of
from dixtill_hf.workflow.measurement_store import MeasurementStore
from dixtill_hf.workflow.run import FinishedRun
from dixtill_hf.workflow.scoring import teacher_classifier

KS = range(1, 11)
_TEACHER = "teacher"


def study_explanations(
    run: FinishedRun, most_texts: int, store: MeasurementStore
) -> dict[str, list[dict[str, Any]]]:
    """Agreement, faithfulness and plausibility of all explanations on a sample of the test texts.

    Agreement is measured for every seed and the label that the teacher's attributions explain,
    faithfulness for the first seed and the label that the model itself predicts, plausibility for
    the first seed and the right label.

    Args:
        run: The finished run.
        most_texts: Size of the sample, at most.
        store: Keeps the measurements.

    Returns:
        Rows under `agreement`, `faithfulness` and, where texts have rationales, `plausibility`.
    """
    sample = seeded_sample(run.annotated["test"], most_texts)
    key = [run.metrics["fingerprint"], run.annotation_key, sample[TEXT][:]]

    def measure() -> dict[str, list[dict[str, Any]]]:
        voices = [_teachers_voice(run, sample), *voices_of(run)]
        study: dict[str, list[dict[str, Any]]] = {
            "agreement": [],
            "faithfulness": [],
            "plausibility": [],
        }
        for voice in tqdm(voices, desc="Explanations"):
            if voice.method != _TEACHER:
                study["agreement"].append({**_name(voice), **_agreement(voice, sample)})
            if voice.seed in (None, 0):
                study["faithfulness"].append({**_name(voice), **_faithfulness(voice, sample)})
                rightly = _rightly_explained(voice, sample)
                if RATIONALE in sample.column_names and len(rightly):
                    study["plausibility"].append({**_name(voice), **_plausibility(voice, rightly)})
        return {name: rows for name, rows in study.items() if rows}

    return store.once("explanations", key, measure)


def _name(voice: Voice) -> dict[str, Any]:
    return {
        "model": voice.method,
        "preset": voice.preset,
        "seed": voice.seed,
        "explanation": voice.explanation,
    }


def _teachers_voice(run: FinishedRun, sample: Dataset) -> Voice:
    """The teacher, with the attributions of the annotation, for whatever label they explain."""
    explained = dict(zip(sample[TEXT], _teachers_explanations(sample), strict=True))
    return Voice(
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


def _agreement(voice: Voice, sample: Dataset) -> dict[str, Any]:
    """Agreement with the teacher, on the words of whoever is judged."""
    answers = voice.explain(sample[TEXT][:], sample[EXPLAINED_LABEL][:])
    targets = [
        align_spans(spans, scores, words)
        for (spans, scores), (words, _) in zip(_teachers_explanations(sample), answers, strict=True)
    ]
    return explanation_agreement(targets, [scores for _, scores in answers], KS)


def _faithfulness(voice: Voice, sample: Dataset) -> dict[str, Any]:
    """How true the explanations of its own predictions are to the model."""
    texts = sample[TEXT][:]
    labels = np.asarray(voice.predict(texts)).argmax(-1)
    if not voice.explains_any_label:
        labels = np.asarray(sample[EXPLAINED_LABEL])
    scores = _word_scores(voice, texts, labels.tolist())
    return faithfulness(voice.predict, texts, scores, labels, signed=voice.signed).means()


def _plausibility(voice: Voice, sample: Dataset) -> dict[str, Any]:
    """Whether it names, for the right label, the words that people name for it."""
    texts = sample[TEXT][:]
    scores = _word_scores(voice, texts, sample[LABEL][:])
    return plausibility(texts, scores, sample[RATIONALE][:], signed=voice.signed)


def _rightly_explained(voice: Voice, sample: Dataset) -> Dataset:
    """The labelled texts whose right label the voice explains."""
    labels = np.asarray(sample[LABEL])
    chosen = labels != LABEL_UNKNOWN
    if not voice.explains_any_label:
        chosen &= labels == np.asarray(sample[EXPLAINED_LABEL])
    return sample.select(np.flatnonzero(chosen))


def _word_scores(voice: Voice, texts: Sequence[str], labels: Sequence[int]) -> list[NDArray]:
    explained = voice.explain(texts, labels)
    return [word_scores(text, *one) for text, one in zip(texts, explained, strict=True)]
