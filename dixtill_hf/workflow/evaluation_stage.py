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
from datasets import DatasetDict
from numpy.typing import NDArray

from dixtill_hf.baselines.bag_of_words import fit_labelled
from dixtill_hf.data.columns import (
    COMPLETENESS_ERROR,
    EVALUATIONS,
    LABEL,
    LABEL_UNKNOWN,
    TEACHER_LOGITS,
    TEXT,
    TRUNCATED,
)
from dixtill_hf.data.labels import label_names
from dixtill_hf.evaluation.agreement.base import known_measures
from dixtill_hf.evaluation.classification import softmax
from dixtill_hf.evaluation.efficiency import directory_bytes, parameter_count
from dixtill_hf.evaluation.significance import interval, paired_bootstrap
from dixtill_hf.workflow.data_stage import labelled_classes
from dixtill_hf.workflow.predictions import calibration, quality
from dixtill_hf.workflow.student_jobs import StudentJob
from dixtill_hf.workflow.student_stage import probabilities_on_test
from dixtill_hf.workflow.teacher_stage import RunTeacher

BAG_OF_WORDS = "bag_of_words"
NO_PRESET = ""
_COMPARED = ("accuracy", "macro_f1")
_SUMMARISED = (
    "accuracy",
    "macro_f1",
    "matthews",
    "roc_auc",
    "calibration_error",
    "teacher_agreement",
    "train_seconds",
)

# (method, preset) → predictions of each of its seeds for the test texts, (seeds, texts).
Predictions = Mapping[tuple[str, str], NDArray[np.integer]]


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
    series: dict[tuple[str, str], list[np.ndarray]] = {}
    everything: list[dict[str, Any]] = []
    if len(labelled_classes(annotated["train"])) > 1:  # else there is nothing to fit
        bag_of_words, probabilities = score_bag_of_words(annotated)
        series[BAG_OF_WORDS, NO_PRESET] = [probabilities.argmax(-1)]
        everything.append(bag_of_words | calibration(probabilities, test))
    for job, result in zip(jobs, results, strict=True):
        probabilities = probabilities_on_test(job)
        series.setdefault((job.method, job.preset), []).append(probabilities.argmax(-1))
        everything.append({**result, **calibration(probabilities, test)})
    predictions = {name: np.stack(seeds) for name, seeds in series.items()}
    return {
        "results": everything,
        "summary": summarise(everything),
        "comparisons": compare(predictions, np.asarray(test[LABEL])),
    }


def describe_teacher(teacher: RunTeacher, data: DatasetDict) -> dict[str, Any]:
    """The teacher: size, quality on the test split, exactness of its attributions of all splits."""
    test = data["test"]
    probabilities = softmax(np.asarray(test[TEACHER_LOGITS]))
    return {
        "name": teacher.name,
        "members": len(teacher.members),
        "parameters": sum(parameter_count(member.model) for member in teacher.members),
        "bytes": teacher.num_bytes,
        "finetuned": teacher.finetuned,
        "split": "test",
        **quality(probabilities, np.asarray(test[LABEL])),
        **calibration(probabilities, test),
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
    start = time.perf_counter()
    model = fit_labelled(data["train"], len(label_names(data)))
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as directory:
        num_bytes = directory_bytes(model.save(directory))
    probabilities = model.predict_proba(test[TEXT][:])
    teacher = np.asarray(test[TEACHER_LOGITS]).argmax(-1)
    result = {
        "method": BAG_OF_WORDS,
        "preset": None,
        "seed": None,
        "split": "test",
        "parameters": model.parameters,
        "bytes": num_bytes,
        **quality(probabilities, np.asarray(test[LABEL])),
        "teacher_agreement": float((probabilities.argmax(-1) == teacher).mean()),
        "train_seconds": round(seconds, 2),
        "validation": None,
        "explanation": None,
    }
    return result, probabilities


def summarise(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean, standard deviation and 95 % interval over the seeds of every method and preset."""
    rows = []
    for (preset, method), group in groupby(sorted(results, key=_series), key=_series):
        seeds = list(group)
        values: dict[str, list[Any]] = {
            name: [row.get(name) for row in seeds] for name in _SUMMARISED
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


def compare(predictions: Predictions, labels: NDArray[np.integer]) -> list[dict[str, Any]]:
    """DiXtill against every baseline of its preset and the bag of words, by the paired bootstrap.

    Test texts without a label do not count.
    """
    labelled = labels != LABEL_UNKNOWN
    labels = labels[labelled]
    predictions = {name: seeds[:, labelled] for name, seeds in predictions.items()}
    rows = []
    for method, preset in predictions:
        if method != "dixtill":
            continue
        for baseline, other_preset in predictions:
            if baseline == method or other_preset not in (preset, NO_PRESET):
                continue
            for metric in _COMPARED:
                difference = paired_bootstrap(
                    predictions[method, preset], predictions[baseline, other_preset], labels, metric
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
