# SPDX-License-Identifier: Apache-2.0
"""Evaluate the teacher and the students of a run: results, summaries over seeds, comparisons."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from numpy.typing import NDArray

from dixtill_hf.baselines.bag_of_words import fit_labelled
from dixtill_hf.data.columns import (
    COMPLETENESS_ERROR,
    EVALUATIONS,
    TEACHER_LOGITS,
    TRUNCATED,
)
from dixtill_hf.data.labels import label_names
from dixtill_hf.data.problem_types import (
    DEFAULT_THRESHOLD,
    MULTI_LABEL,
    PROBLEM_TYPES,
    REGRESSION,
    SINGLE_LABEL,
    ProblemType,
)
from dixtill_hf.data.text_pairs import texts_of
from dixtill_hf.data.thresholds import best_thresholds
from dixtill_hf.evaluation.agreement.base import known_measures
from dixtill_hf.evaluation.efficiency import directory_bytes, parameter_count
from dixtill_hf.evaluation.quality import QUALITY, prediction_agreement, quality
from dixtill_hf.evaluation.significance import interval, paired_bootstrap
from dixtill_hf.workflow.predictions import calibration, labels_of_split
from dixtill_hf.workflow.student_jobs import StudentJob
from dixtill_hf.workflow.student_stage import probabilities_on_test
from dixtill_hf.workflow.teacher_stage import RunTeacher

BAG_OF_WORDS = "bag_of_words"
NO_PRESET = ""
_SUMMARISED = ("calibration_error", "teacher_agreement", "train_seconds")
_COMPARED = {
    SINGLE_LABEL: ("accuracy", "macro_f1"),
    MULTI_LABEL: ("micro_f1", "macro_f1"),
    REGRESSION: ("pearson", "mae"),
}

# (method, preset) → predictions of each of its seeds for the test texts, (seeds, texts, ...).
Predictions = Mapping[tuple[str, str], NDArray]


def evaluate_students(
    annotated: DatasetDict, jobs: Sequence[StudentJob], results: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Results of all students and of the bag of words, summaries over seeds, paired comparisons.

    Args:
        annotated: The annotated splits.
        jobs: The students.
        results: Result of each student, from `train_students`.

    Returns:
        JSON values under `results`, `summary` and `comparisons`.
    """
    test = annotated["test"]
    problem, labels = labels_of_split(test)
    series: dict[tuple[str, str], list[np.ndarray]] = {}
    everything: list[dict[str, Any]] = []

    def add(method: str, preset: str, row: Mapping[str, Any], probabilities: NDArray) -> None:
        thresholds = row.get("thresholds") or DEFAULT_THRESHOLD
        predicted = problem.decisions(probabilities, thresholds)
        series.setdefault((method, preset), []).append(predicted)
        everything.append({**row, **calibration(probabilities, test, thresholds)})

    if _can_be_fitted(annotated["train"]):
        add(BAG_OF_WORDS, NO_PRESET, *score_bag_of_words(annotated))
    for job, result in zip(jobs, results, strict=True):
        add(job.method, job.preset, result, probabilities_on_test(job))
    predictions = {name: np.stack(seeds) for name, seeds in series.items()}
    return {
        "results": everything,
        "summary": summarise(everything, problem),
        "comparisons": compare(predictions, labels, problem),
    }


def _can_be_fitted(train: Dataset) -> bool:
    """Whether there are labels that a linear model could tell apart."""
    problem, labels = labels_of_split(train)
    known = labels[problem.is_labelled(labels)]
    return len(np.unique(known, axis=0)) > 1


def describe_teacher(teacher: RunTeacher, data: DatasetDict) -> dict[str, Any]:
    """The teacher: size, quality on the test split, exactness of its attributions of all splits."""
    test = data["test"]
    problem, labels = labels_of_split(test)
    probabilities = problem.scores(np.asarray(test[TEACHER_LOGITS][:]))
    thresholds = teacher.members[0].thresholds
    return {
        "name": teacher.name,
        "members": len(teacher.members),
        "parameters": sum(parameter_count(member.model) for member in teacher.members),
        "bytes": teacher.num_bytes,
        "finetuned": teacher.finetuned,
        "split": "test",
        **quality(problem, probabilities, labels, thresholds),
        **calibration(probabilities, test, thresholds),
        "completeness_error": _describe_errors(_of_all(data, COMPLETENESS_ERROR)),
        "evaluations_per_text": float(_of_all(data, EVALUATIONS).mean()),
        "truncated_texts": int(_of_all(data, TRUNCATED).sum()),
    }


def _of_all(data: DatasetDict, column: str) -> NDArray:
    """A column of all splits."""
    return np.concatenate([np.asarray(split[column]) for split in data.values()])


def _describe_errors(errors: NDArray[np.floating]) -> dict[str, float] | None:
    """Spread of the completeness errors; None for an explainer that promises no completeness."""
    known = errors[np.isfinite(errors)]
    if not len(known):
        return None
    return {
        "median": float(np.median(known)),
        "p90": float(np.quantile(known, 0.9)),
        "max": float(known.max()),
    }


def score_bag_of_words(data: DatasetDict) -> tuple[dict[str, Any], NDArray[np.floating]]:
    """Result and test probabilities `(texts, labels)` of the linear baseline."""
    test = data["test"]
    problem, labels = labels_of_split(test)
    start = time.perf_counter()
    model = fit_labelled(data["train"], len(label_names(data)))
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as directory:
        num_bytes = directory_bytes(model.save(directory))
    probabilities = model.predict_proba(texts_of(test))
    thresholds = None
    if problem.name == MULTI_LABEL:
        texts, right = texts_of(data["validation"]), labels_of_split(data["validation"])[1]
        thresholds = best_thresholds(model.predict_proba(texts), right)
    teacher = problem.scores(np.asarray(test[TEACHER_LOGITS][:]))
    chosen = thresholds or DEFAULT_THRESHOLD
    result = {
        "method": BAG_OF_WORDS,
        "preset": None,
        "seed": None,
        "split": "test",
        "parameters": model.parameters,
        "bytes": num_bytes,
        **quality(problem, probabilities, labels, chosen),
        "teacher_agreement": prediction_agreement(problem, probabilities, teacher, chosen),
        "train_seconds": round(seconds, 2),
        "thresholds": thresholds,
        "validation": None,
        "explanation": None,
    }
    return result, probabilities


def summarise(
    results: Sequence[Mapping[str, Any]], problem: ProblemType = PROBLEM_TYPES[SINGLE_LABEL]
) -> list[dict[str, Any]]:
    """Mean, standard deviation and 95 % interval over the seeds of every method and preset."""
    rows = []
    for (preset, method), group in groupby(sorted(results, key=_series), key=_series):
        seeds = list(group)
        values: dict[str, list[Any]] = {
            name: [row.get(name) for row in seeds]
            for name in (*QUALITY[problem.name].names, *_SUMMARISED)
        }
        for name in filter(_is_agreement, seeds[0]["explanation"] or {}):
            values[f"explanation.{name}"] = [row["explanation"][name] for row in seeds]
        rows.append(
            {
                "method": method,
                "preset": preset or None,
                "seeds": len(seeds),
                "metrics": {
                    name: asdict(interval(numbers))
                    for name, numbers in values.items()
                    if all(isinstance(number, int | float) for number in numbers)
                },
            }
        )
    return rows


def compare(
    predictions: Predictions,
    labels: NDArray,
    problem: ProblemType = PROBLEM_TYPES[SINGLE_LABEL],
) -> list[dict[str, Any]]:
    """DiXtill against every baseline of its preset and the bag of words, by the paired bootstrap.

    Test texts without a label do not count.
    """
    labelled = problem.is_labelled(labels)
    labels = labels[labelled]
    predictions = {name: seeds[:, labelled] for name, seeds in predictions.items()}
    rows = []
    for method, preset in predictions:
        if method != "dixtill":
            continue
        for baseline, other_preset in predictions:
            if baseline == method or other_preset not in (preset, NO_PRESET):
                continue
            for metric in _COMPARED[problem.name]:
                difference = paired_bootstrap(
                    predictions[method, preset],
                    predictions[baseline, other_preset],
                    labels,
                    metric,
                    problem_type=problem.name,
                )
                rows.append(
                    {
                        "method": method,
                        "preset": preset,
                        "against": baseline,
                        "metric": metric,
                        **asdict(difference),
                    }
                )
    return rows


def _series(result: Mapping[str, Any]) -> tuple[str, str]:
    return (result["preset"] or NO_PRESET, result["method"])


def _is_agreement(name: str) -> bool:
    return name.partition("@")[0] in known_measures()
